// Finding: who runs what with a filter, search from anywhere, and the palette.

import assert from 'node:assert/strict';
import { asPerson, journey } from './harness.mjs';
import { untilFilled } from './pages.mjs';

journey('finding', (it) => {
  it('who runs what, below a version, in one environment', async ({ page, context }) => {
    await asPerson(page, 'Tomasz');
    await untilFilled(page);
    await page.goto('/who-runs');
    await page.getByLabel('What').selectOption({ label: 'PostgreSQL' });
    await page.getByLabel('Below version').fill('15');
    await page.getByRole('button', { name: 'Show' }).click();
    await page.waitForURL(/below=15/);
    const rows = page.locator('#rows tbody tr');
    const all = await rows.count();
    assert.ok(all > 3, `${all} are shown`);
    for (const version of await rows.locator('[data-label=Version]').allInnerTexts()) {
      assert.ok(version === 'unknown' || Number.parseInt(version, 10) < 15, `${version} is below 15`);
    }
    for (const column of ['Team', 'Environment', 'Since', 'Last seen', 'Contact', 'How known']) {
      assert.equal(await rows.locator(`[data-label="${column}"]`).count(), all, `${column} stands in each row`);
    }
    await page.getByLabel('Environment').selectOption({ label: 'Test' });
    await page.getByRole('button', { name: 'Show' }).click();
    await page.waitForURL(/environment=test/);
    const fewer = await rows.count();
    assert.ok(fewer > 0 && fewer < all, `${fewer} of ${all} are in test`);
    const csv = await context.request.get(await page.getByRole('link', { name: 'Download as CSV' }).getAttribute('href'));
    assert.equal((await csv.text()).trim().split('\n').length, fewer + 1, 'the file has the same rows and a head');
    await page.getByLabel('Below version').fill('not a version');
    await page.getByRole('button', { name: 'Show' }).click();
    await page.locator('.field-wrong').waitFor();
    assert.equal(await page.getByLabel('Below version').inputValue(), 'not a version', 'what was filled in stays');
  });

  it('search by words, by kind, and with one wrong letter', async ({ page }) => {
    await asPerson(page, 'Amara');
    await page.goto('/get');
    await page.keyboard.press('/');
    await page.keyboard.type('booking');
    await page.keyboard.press('Enter');
    await page.waitForURL(/search/);
    assert.equal(await page.locator('input[type=search]:visible').count(), 1, 'one search field');
    assert.ok(await page.locator('.hits').getByRole('link', { name: 'booking-service', exact: true }).count());
    await page.getByRole('link', { name: 'Components' }).click();
    const kinds = await page.locator('.hits .tag').allInnerTexts();
    assert.ok(kinds.length > 1 && kinds.every((kind) => kind === 'component'), kinds.join());
    await page.goto('/search?q=postgras');
    const card = page.locator('.found .card');
    assert.equal(await card.count(), 1, 'one wrong letter is forgiven, and what is offered comes first');
    await card.getByRole('link', { name: 'PostgreSQL', exact: true }).click();
    assert.equal(await page.locator('h1').innerText(), 'PostgreSQL');
    await page.goto('/search?q=postgres');
    await card.getByRole('link', { name: /^Get it/ }).focus();
    await page.keyboard.press('Enter');
    await page.waitForURL(/postgres\/new$/);
  });

  it('the palette leads to a page by keyboard alone', async ({ page }) => {
    await asPerson(page, 'Amara');
    await page.keyboard.press('Control+k');
    await page.getByRole('combobox', { name: 'Where to?' }).fill('tern');
    await page.getByRole('option', { name: /Tern cache/ }).first().waitFor();
    await page.keyboard.press('Enter');
    await page.waitForURL(/tern-cache/);
  });

  it('the picture of relations leads on', async ({ page }) => {
    await asPerson(page, 'Amara');
    await page.goto('/catalog/component/default/booking-service');
    assert.ok(await page.locator('.picture svg .node').count() > 3, 'what it is connected with is drawn');
    await page.locator('.picture svg a').first().click();
    await page.waitForURL((url) => !url.pathname.endsWith('/booking-service'));
    assert.equal(await page.locator('h1').count(), 1);
  });
});
