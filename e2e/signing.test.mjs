// Signing in and out, tokens made and revoked, sessions ended.

import assert from 'node:assert/strict';
import { asPerson, checkAccessibility, journey } from './harness.mjs';

journey('signing in', (it) => {
  it('leads back to where one wanted to go', async ({ page }) => {
    await page.goto('/get/postgres');
    await page.waitForURL(/\/login/);
    await page.locator('main').getByRole('button', { name: 'Amara' }).click();
    await page.waitForURL(/\/get\/postgres$/);
    assert.equal(await page.locator('h1').innerText(), 'PostgreSQL');
  });

  it('a wrong password is refused in words, and the name stays', async ({ page }) => {
    await page.goto('/login');
    await page.getByLabel('Name').fill('amara');
    await page.getByLabel('Password').fill('not this one');
    await page.locator('main').getByRole('button', { name: 'Sign in' }).click();
    await page.locator('.notice-bad').waitFor();
    assert.equal(await page.getByLabel('Name').inputValue(), 'amara');
    await checkAccessibility(page);
  });

  it('a token is made, shown once, used and revoked', async ({ page, base }) => {
    await asPerson(page, 'Amara');
    await page.goto('/me');
    await page.getByLabel('Name', { exact: true }).fill('pipeline');
    await page.getByLabel('see what you may see').check();
    await page.getByRole('button', { name: 'Make the token' }).click();
    const token = (await page.locator('.token code').innerText()).trim();
    await checkAccessibility(page);
    const ask = () => fetch(`${base}/api/v1/offerings`, { headers: { authorization: `Bearer ${token}` } });
    assert.equal((await ask()).status, 200, 'it works');
    const order = await fetch(`${base}/api/v1/orders`, { method: 'POST', body: '{}',
      headers: { authorization: `Bearer ${token}`, 'content-type': 'application/json' } });
    assert.equal(order.status, 403, 'it may only what was ticked');
    await page.goto('/me');
    assert.ok(!(await page.content()).includes(token), 'nobody is shown it again');
    await page.getByRole('button', { name: 'Revoke pipeline' }).click();
    await page.getByRole('row', { name: /pipeline/ }).getByText('revoked').waitFor();
    assert.equal((await ask()).status, 401, 'it does not work any more');
  });

  it('a session ends by signing out', async ({ page }) => {
    await asPerson(page, 'Amara');
    await page.locator('.who summary').click();
    await page.getByRole('button', { name: 'Sign out' }).click();
    await page.waitForLoadState();
    await page.goto('/me');
    await page.waitForURL(/\/login/);
  });
});
