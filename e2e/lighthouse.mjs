// Lighthouse over the pages of a first visit, as a developer of the demo: one line of JSON for each page.

import { lighthouse, startServer } from './harness.mjs';
import { FIRST } from './pages.mjs';

/** Cookies of somebody of the demo. */
async function session(base, person) {
  const jar = new Map();
  const keep = (answer) => answer.headers.getSetCookie().forEach((line) => {
    const [name, value] = line.split(';')[0].split(/=(.*)/s);
    jar.set(name, value);
  });
  const cookies = () => [...jar].map(([name, value]) => `${name}=${value}`).join('; ');
  const page = await fetch(`${base}/login`);
  keep(page);
  const csrf = /name="csrf" value="([^"]*)"/.exec(await page.text())?.[1] ?? '';
  keep(await fetch(`${base}/demo/person`, { method: 'POST', redirect: 'manual',
    headers: { cookie: cookies(), origin: base }, body: new URLSearchParams({ csrf, person, back: '/' }) }));
  return cookies();
}

/** Waits until the demo has filled itself. */
async function filled(base, path, cookie) {
  for (let left = 300; left > 0; left -= 1) {
    if ((await fetch(base + path, { headers: { cookie } })).status === 200) return;
    await new Promise((done) => setTimeout(done, 200));
  }
}

const server = await startServer('demo');
try {
  const cookie = await session(server.base, 'amara');
  for (const [name, path] of FIRST) {
    await filled(server.base, path, cookie);
    console.log(JSON.stringify({ page: name, ...await lighthouse(server.base + path, { Cookie: cookie }) }));
  }
} finally {
  await server.stop();
}
