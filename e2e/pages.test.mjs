// What holds for every page: readable by everybody, on narrow screens, in the dark, and without scripts.

import assert from 'node:assert/strict';
import { readFile } from 'node:fs/promises';
import { asPerson, checkAccessibility, journey } from './harness.mjs';
import { DEVELOPER, FIRST, NO_PAGES, PLATFORM, untilFilled } from './pages.mjs';

const NARROW = { width: 320, height: 640 };
const WIDE = { width: 1280, height: 800 };
/** What a first visit of a page may weigh, in bytes over the wire. */
const LIGHT = 100_000;

journey('every page', (it) => {
  for (const [person, pages] of [['Amara', DEVELOPER], ['Tomasz', PLATFORM]]) {
    it(`is accessible in light and dark, and fits a narrow screen (${person})`, async ({ page }) => {
      await asPerson(page, person);
      await untilFilled(page);
      for (const [name, path, status = 200] of pages) {
        await page.setViewportSize(WIDE);
        await page.emulateMedia({ colorScheme: 'light', reducedMotion: 'reduce' });
        assert.equal((await page.goto(path)).status(), status, name);
        assert.equal(await page.locator('h1').count(), 1, `${name} has one main heading`);
        await checkAccessibility(page);
        await page.emulateMedia({ colorScheme: 'dark', reducedMotion: 'reduce' });
        await checkAccessibility(page);
        await page.setViewportSize(NARROW);
        const over = await page.evaluate(() => document.documentElement.scrollWidth - innerWidth);
        assert.ok(over <= 0, `${name} is ${over} px too wide at ${NARROW.width} px`);
      }
    });

    it(`says the same without scripts (${person})`, async ({ page }) => {
      await asPerson(page, person);
      for (const [name, path, status = 200] of pages) {
        assert.equal((await page.goto(path)).status(), status, name);
        assert.equal(await page.locator('h1').count(), 1, `${name} has one main heading`);
        assert.ok((await page.locator('main').innerText()).trim().length > 20, `${name} says something`);
        assert.equal(await page.locator('.js-only:visible, .copy:visible').count(), 0, `${name} shows nothing that cannot work`);
      }
    }, { javaScript: false });
  }

  it('is in the list', async () => {
    const doors = await readFile(new URL('../crates/web/tests/it/doors.txt', import.meta.url), 'utf8');
    const routes = [...doors.matchAll(/^GET (\S+)/gm)].map((found) => found[1]).filter((route) => !NO_PAGES.some((one) => one.test(route)));
    const paths = [...DEVELOPER, ...PLATFORM].map(([, path]) => path.split('?')[0]);
    const like = (route) => new RegExp(`^${route.replaceAll('.', '\\.').replace(/\{\*[^}]*\}/g, '.+').replace(/\{[^}]*\}/g, '[^/]+')}$`);
    assert.deepEqual(routes.filter((route) => !paths.some((path) => like(route).test(path))), []);
    assert.ok(routes.length > 25, `${routes.length} pages`);
  });

  it('is accessible before anybody has signed in', async ({ page }) => {
    assert.equal((await page.goto('/login')).status(), 200);
    await checkAccessibility(page);
    await page.setViewportSize(NARROW);
    await page.emulateMedia({ colorScheme: 'dark', reducedMotion: 'reduce' });
    await checkAccessibility(page);
  });

  for (const [name, path] of FIRST) {
    it(`is light on the first visit (${name})`, async ({ page, context, t }) => {
      // Signing in without the browser leaves its cache empty.
      const form = await context.request.get('/login');
      const csrf = /name="csrf" value="([^"]*)"/.exec(await form.text())?.[1] ?? '';
      await context.request.post('/demo/person', { form: { csrf, person: 'amara', back: '/' } });
      const client = await context.newCDPSession(page);
      let bytes = 0;
      await client.send('Network.enable');
      client.on('Network.loadingFinished', (event) => { bytes += event.encodedDataLength; });
      assert.equal((await page.goto(path, { waitUntil: 'networkidle' })).status(), 200);
      t.diagnostic(`${name}: ${bytes} bytes transferred`);
      assert.ok(bytes > 0 && bytes < LIGHT, `${name} transfers ${bytes} bytes`);
    });
  }

  it('has no dead link among the pages that it leads to', async ({ page, context }) => {
    await asPerson(page, 'Amara');
    await untilFilled(page);
    const seen = new Map();
    for (const [, path, status = 200] of DEVELOPER) {
      if (status !== 200) continue;
      await page.goto(path);
      const links = await page.locator('main a[href^="/"], aside a[href^="/"], footer a[href^="/"], nav a[href^="/"]')
        .evaluateAll((all) => all.map((link) => link.getAttribute('href').split('#')[0]));
      for (const link of links) if (!seen.has(link)) seen.set(link, path);
    }
    const dead = [];
    for (const [link, from] of seen) {
      const answer = await context.request.get(link, { maxRedirects: 3 });
      if (answer.status() >= 400) dead.push(`${answer.status()} ${link}, from ${from}`);
    }
    assert.deepEqual(dead, []);
    assert.ok(seen.size > 100, `${seen.size} links were followed`);
  });
});
