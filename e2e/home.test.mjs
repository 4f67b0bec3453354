import assert from 'node:assert/strict';
import { checkAccessibility, journey, look } from './harness.mjs';

journey('home', (it) => {
  it('opens, with a title and without an accessibility finding', async ({ page }) => {
    const answer = await page.goto('/');
    assert.equal(answer.status(), 200);
    assert.match(await page.title(), /\S/);
    assert.equal(await page.locator('h1').count(), 1, 'one main heading');
    await checkAccessibility(page);
    await look(page, 'home');
  });

  it('shows the same without JavaScript', async ({ page }) => {
    await page.goto('/');
    assert.equal(await page.locator('h1').count(), 1, 'one main heading');
  }, { javaScript: false });
});
