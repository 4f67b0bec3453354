// A developer gets a repository and a database, watches the steps, and uses what she got.

import assert from 'node:assert/strict';
import { execFile, execFileSync } from 'node:child_process';
import { existsSync } from 'node:fs';
import { mkdtemp, readFile, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { asPerson, checkAccessibility, journey } from './harness.mjs';
import { untilFilled } from './pages.mjs';

const run = promisify(execFile);

/** Makes a token for Git in the browser and gives it back. */
async function token(page, name) {
  await page.goto('/me');
  await page.getByLabel('Name', { exact: true }).fill(name);
  await page.getByLabel('everything that you may, also what comes later').check();
  await page.getByRole('button', { name: 'Make the token' }).click();
  return (await page.locator('.token code').innerText()).trim();
}

function has(program) {
  try {
    execFileSync(program, ['--version'], { stdio: 'ignore' });
    return true;
  } catch {
    return false;
  }
}

/** Whether it can be got; the demo may still be starting what stands behind it. */
async function canBeGot(page, offering, title) {
  const button = page.getByRole('link', { name: `Get ${title}` });
  for (let left = 40; left > 0; left -= 1) {
    await page.goto(`/get/${offering}`);
    if (await button.count()) return true;
    await page.waitForTimeout(500);
  }
  return false;
}

/** Sends the form of an offering and waits until its page says ready. */
async function get(page, offering, title, fill) {
  await page.goto(`/get/${offering}`);
  await page.getByRole('link', { name: `Get ${title}` }).click();
  await fill(page);
  await page.getByRole('button', { name: `Get ${title}` }).click();
  await page.waitForURL(/\/instances\//);
  await page.locator('.badge', { hasText: /^ready$/ }).first().waitFor({ timeout: 60_000 });
}

journey('getting things', (it) => {
  it('a repository from a golden path is cloned and pushed to', async ({ page }) => {
    await asPerson(page, 'Amara');
    await get(page, 'service-path', 'Service path', async (form) => {
      await form.getByLabel('Name', { exact: true }).fill('quote-cards');
      await form.getByLabel('What is it for?').fill('Cards with quotes.');
    });
    await checkAccessibility(page);
    const command = await page.locator('#live .command code').first().innerText();
    const address = /git clone (\S+)/.exec(command)?.[1];
    assert.ok(address, `the page says how to clone: ${command}`);
    const secret = await token(page, 'laptop');
    const place = await mkdtemp(join(tmpdir(), 'loggia-clone-'));
    try {
      const with_ = address.replace('://', `://amara:${encodeURIComponent(secret)}@`);
      const git = (...args) => run('git', ['-c', 'user.name=Amara', '-c', 'user.email=amara@example.org', ...args],
        { cwd: place, env: { ...process.env, GIT_TERMINAL_PROMPT: '0' } });
      await git('clone', '--quiet', with_, 'here');
      assert.ok(existsSync(join(place, 'here', 'README.md')), 'the repository is not empty');
      assert.match(await readFile(join(place, 'here', 'README.md'), 'utf8'), /Cards with quotes/);
      await git('-C', 'here', 'commit', '--quiet', '--allow-empty', '-m', 'First change');
      await git('-C', 'here', 'push', '--quiet');
      const wrong = address.replace('://', '://amara:wrong@');
      await assert.rejects(git('clone', '--quiet', wrong, 'there'), 'a wrong token does not clone');
    } finally {
      await rm(place, { recursive: true, force: true });
    }
  });

  it('a database is made step by step, and answers psql', async ({ page, t }) => {
    await asPerson(page, 'Amara');
    if (!(await canBeGot(page, 'postgres', 'PostgreSQL'))) {
      assert.ok(await page.locator('.notice-warn').count(), 'it says why it cannot be got');
      return t.skip('no PostgreSQL on this machine; the page says so');
    }
    const steps = [];
    await page.exposeFunction('sawStep', (text) => steps.push(text));
    await page.addInitScript(() => {
      const tell = () => document.querySelectorAll('.steps li').forEach((li) => sawStep(li.className));
      new MutationObserver(tell).observe(document, { childList: true, subtree: true });
    });
    await get(page, 'postgres', 'PostgreSQL', async (form) => {
      await form.getByLabel('Name', { exact: true }).fill('trips');
      await form.getByLabel('Environment').selectOption('dev');
    });
    assert.ok(steps.some((text) => /is-done/.test(text)), 'steps were shown as they went on');
    await checkAccessibility(page);
    await page.getByRole('button', { name: 'Show Password' }).click();
    const fact = page.locator('.facts dt', { hasText: /^Password$/ }).locator('xpath=following-sibling::dd[1]');
    const password = (await fact.locator('code').innerText()).trim();
    assert.ok(password.length >= 16, 'the password is shown when asked for');
    assert.ok(await page.getByText('A secret was shown').count(), 'and that is told');
    const command = await page.locator('#live .command code').first().innerText();
    const target = /"([^"]+)"/.exec(command)?.[1];
    if (!has('psql')) return t.skip('no psql on this machine');
    const { stdout } = await run('psql', [target, '-Atc', 'create table t (n int); insert into t values (7); select n from t'],
      { env: { ...process.env, PGPASSWORD: password } });
    assert.match(stdout, /7/);
  });

  for (const javaScript of [true, false]) {
    it(`what runs gets another plan${javaScript ? '' : ', without scripts'}`, async ({ page }) => {
      await asPerson(page, 'Amara');
      await untilFilled(page);
      const place = '/instances/booking/orders.test';
      const [plan, title] = javaScript ? ['medium', 'Medium'] : ['large', 'Large'];
      await page.goto(place);
      await page.getByRole('link', { name: 'Change', exact: true }).click();
      await page.locator('.radio label', { hasText: title }).click();
      await page.getByRole('button', { name: 'Show what would happen' }).click();
      await page.getByText('Nothing was done yet.').waitFor();
      assert.match(await page.locator('.preview').innerText(), new RegExp(`→ ${title} .*EUR a month`));
      assert.ok(await page.getByText(`loggia change booking/orders.test --plan ${plan}`).count(), 'the same in a terminal');
      if (javaScript) await checkAccessibility(page);
      await page.getByRole('button', { name: 'Change it' }).click();
      await page.waitForURL(new RegExp(`${place}$`));
      for (let left = 100; left > 0 && !(await page.getByText(new RegExp(`^${title} ·`)).count()); left -= 1) {
        await page.waitForTimeout(100);
        await page.goto(place);
      }
      await page.getByText(new RegExp(`^${title} ·`)).first().waitFor();
      await page.getByText('Changed, and seen to be there').first().waitFor();
    }, { javaScript });
  }

  it('what was filled in stays when it was not right', async ({ page }) => {
    await asPerson(page, 'Amara');
    await page.goto('/get/service-path/new');
    await page.getByLabel('Name', { exact: true }).fill('Not A Name');
    await page.getByLabel('What is it for?').fill('This must not be lost.');
    await page.getByRole('button', { name: 'Get Service path' }).click();
    await page.getByRole('alert').waitFor();
    assert.equal(await page.getByLabel('Name', { exact: true }).inputValue(), 'Not A Name');
    assert.equal(await page.getByLabel('What is it for?').inputValue(), 'This must not be lost.');
    await checkAccessibility(page);
  });

  it('what would happen is shown without doing it', async ({ page }) => {
    await asPerson(page, 'Amara');
    await page.goto('/get/service-path/new');
    await page.getByLabel('Name', { exact: true }).fill('only-thought-of');
    await page.getByLabel('What is it for?').fill('A thought.');
    await page.getByRole('button', { name: 'Show what would happen' }).click();
    await page.getByText('Nothing was done yet.').waitFor();
    assert.equal((await page.goto('/instances/booking/only-thought-of.dev')).status(), 404);
  }, { javaScript: false });

  it('works from the form to the ready page without scripts', async ({ page }) => {
    await asPerson(page, 'Amara');
    await page.goto('/get/service-path/new');
    await page.getByLabel('Name', { exact: true }).fill('plain-paper');
    await page.getByLabel('What is it for?').fill('Works on paper.');
    await page.getByRole('button', { name: 'Get Service path' }).click();
    const ready = page.locator('.badge', { hasText: /^ready$/ });
    for (let left = 100; left > 0 && !(await ready.count()); left -= 1) {
      await page.waitForTimeout(100);
      await page.reload();
    }
    assert.ok(await ready.count(), 'it is ready');
  }, { javaScript: false });
});
