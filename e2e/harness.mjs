// A demo of its own and a browser for one file of journeys.
//
//   import { journey } from './harness.mjs';
//   journey('home', (t) => { t.test('shows what is offered', async ({ page, base }) => { … }); });

import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { existsSync } from 'node:fs';
import { mkdir, mkdtemp, rm } from 'node:fs/promises';
import { createServer } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { after, before, describe, test } from 'node:test';
import { AxeBuilder } from '@axe-core/playwright';
import { chromium } from 'playwright-core';

const CHROMIUM = process.env.CHROMIUM ?? '/usr/bin/chromium';
const QUIET = ['--no-sandbox', '--headless', '--disable-gpu', '--disable-quic', '--no-first-run',
  '--disable-background-networking', '--disable-component-update', '--disable-sync'];
const OUT = join(import.meta.dirname ?? '.', 'out');
const RULES = ['wcag2a', 'wcag2aa', 'wcag21a', 'wcag21aa', 'wcag22aa', 'best-practice'];

/** A loopback port that is free now. */
export async function freePort() {
  const server = createServer();
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  const { port } = server.address();
  server.close();
  await once(server, 'close');
  return port;
}

/** Starts the binary and waits until it is ready. `subcommand` is `demo` or `serve`; `args` and `env` come on top. */
export async function startServer(subcommand = 'demo', { args = [], env = {}, limit = 60_000 } = {}) {
  const binary = process.env.LOGGIA_BIN;
  assert.ok(binary && existsSync(binary), 'LOGGIA_BIN names the binary to test; cargo xtask test sets it');
  const data = await mkdtemp(join(tmpdir(), 'loggia-e2e-'));
  const base = `http://127.0.0.1:${await freePort()}`;
  const child = spawn(binary, [subcommand, '--listen', base.slice('http://'.length), '--data', data, ...args],
    { env: { ...process.env, ...env }, stdio: ['ignore', 'pipe', 'pipe'] });
  const ended = once(child, 'exit');
  let log = '';
  for (const stream of [child.stdout, child.stderr]) stream.on('data', (text) => { log = (log + text).slice(-20_000); });
  const stop = async () => {
    if (child.exitCode === null && child.signalCode === null) {
      child.kill('SIGTERM');
      const hung = AbortSignal.timeout(10_000);
      hung.addEventListener('abort', () => child.kill('SIGKILL'));
      await ended;
    }
    await rm(data, { recursive: true, force: true });
  };
  const until = Date.now() + limit;
  while (!(await isReady(base))) {
    if (child.exitCode !== null || child.signalCode !== null || Date.now() > until) {
      await stop();
      assert.fail(`the server did not become ready:\n${log}`);
    }
    await sleep(20);
  }
  return { base, data, stop, log: () => log };
}

async function isReady(base) {
  try {
    return (await fetch(`${base}/readyz`)).status === 200;
  } catch {
    return false; // Not listening yet.
  }
}

/** A browser, or nothing where none is installed. */
export async function startBrowser(args = []) {
  if (!existsSync(CHROMIUM)) return null;
  return chromium.launch({ executablePath: CHROMIUM, args: [...QUIET, ...args] });
}

/**
 * A file of journeys: one server and one browser, and a fresh browser context for each test.
 * `steps` gets `it(name, async (world) => …)`; `world` has `page`, `context`, `base` and `server`. Scripts that fail and
 * answers of 500 and above fail the test.
 */
export function journey(name, steps, options = {}) {
  describe(name, () => {
    let server;
    let browser;
    before(async () => {
      browser = await startBrowser();
      if (browser) server = await startServer(options.subcommand ?? 'demo', options);
    });
    after(async () => {
      await browser?.close();
      await server?.stop();
    });
    steps((title, run, { javaScript = true } = {}) => test(title, async (t) => {
      if (!browser) return t.skip('no Chromium');
      const context = await browser.newContext({ baseURL: server.base, javaScriptEnabled: javaScript });
      const faults = [];
      context.on('response', (answer) => answer.status() >= 500 && faults.push(`${answer.status()} ${answer.url()}`));
      context.on('weberror', (error) => faults.push(String(error.error())));
      try {
        const page = await context.newPage();
        await run({ page, context, base: server.base, server, t });
        assert.deepEqual(faults, [], 'no fault in scripts and no error of the server');
      } finally {
        await context.close();
      }
    }));
  });
}

/** Becomes a person of the demo by one click: on the page that asks who one is, or in the menu at the top of any page. */
export async function asPerson(page, name) {
  if (page.url() === 'about:blank') await page.goto('/');
  const menu = page.locator('.who summary');
  const signedIn = await menu.count();
  if (signedIn) await menu.click();
  await page.locator(signedIn ? '.who .people' : 'main .people').getByRole('button', { name }).click();
  await page.waitForLoadState();
}

/** Fails with every finding of axe on the page. */
export async function checkAccessibility(page) {
  const result = await new AxeBuilder({ page }).withTags(RULES).analyze();
  const findings = result.violations.map((found) =>
    `${found.id} (${found.impact}): ${found.nodes.map((node) => node.target.join(' ')).join(', ')}`);
  assert.deepEqual(findings, [], `accessibility of ${page.url()}`);
}

/** Pictures of the page in `e2e/out`: wide, narrow and dark. Fails when a narrow page has to be scrolled sideways. */
export async function look(page, name) {
  await mkdir(OUT, { recursive: true });
  const picture = (kind) => page.screenshot({ path: join(OUT, `${name}-${kind}.png`), fullPage: true });
  const size = page.viewportSize();
  await page.setViewportSize({ width: 1280, height: 800 });
  await picture('1280');
  await page.emulateMedia({ colorScheme: 'dark' });
  await picture('dark');
  await page.emulateMedia({ colorScheme: 'light' });
  await page.setViewportSize({ width: 320, height: 640 });
  await picture('320');
  const wide = await page.evaluate(() => document.documentElement.scrollWidth - document.documentElement.clientWidth);
  await page.setViewportSize(size);
  assert.ok(wide <= 0, `${name} is ${wide} px too wide at 320 px`);
}

/** Scores and weight of a first visit, by Lighthouse: accessibility and best practices up to 100, weight in bytes. */
export async function lighthouse(url, headers = {}) {
  const { default: run } = await import('lighthouse');
  const port = await freePort();
  const browser = await startBrowser([`--remote-debugging-port=${port}`]);
  try {
    const { lhr } = await run(url, { port, output: 'json', logLevel: 'error', extraHeaders: headers,
      onlyCategories: ['accessibility', 'best-practices'], onlyAudits: ['network-requests'], disableFullPageScreenshot: true });
    assert.equal(lhr.finalDisplayedUrl, url, 'the page was not led away from');
    const score = (category) => Math.round(lhr.categories[category].score * 100);
    const requests = lhr.audits['network-requests']?.details?.items ?? [];
    return {
      accessibility: score('accessibility'),
      bestPractices: score('best-practices'),
      bytes: requests.reduce((sum, request) => sum + (request.transferSize ?? 0), 0),
    };
  } finally {
    await browser.close();
  }
}
