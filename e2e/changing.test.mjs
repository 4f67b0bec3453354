// Changing what the platform says about itself, on its pages.

import assert from 'node:assert/strict';
import { asPerson, journey } from './harness.mjs';

journey('changing things', (it) => {
  it('makes a commit in the name of whoever changed it, and shows it', async ({ page }) => {
    await asPerson(page, 'Tomasz');
    const place = '/catalog/offering/default/postgres';
    assert.equal((await page.goto(`${place}/edit`)).status(), 200);
    const text = page.locator('#text');
    const before = await text.inputValue();
    assert.match(before, /\n {2}promise: .*/);
    await text.fill(before.replace(/\n {2}promise: .*/, '\n  promise: Ready before the coffee.'));
    await page.locator('#why').fill('A better promise');
    await page.getByRole('button', { name: 'Save' }).click();
    await page.waitForURL(/done=committed/);
    await page.waitForFunction(async () => {
      const answer = await fetch('/get/postgres');
      return (await answer.text()).includes('Ready before the coffee.');
    });
  });
});
