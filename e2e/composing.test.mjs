// A developer gets something that is made of parts, sees why each is there, and cannot break it by accident.

import assert from 'node:assert/strict';
import { asPerson, checkAccessibility, journey } from './harness.mjs';

const READY = { hasText: /^ready$/ };

/** Waits until a page of the demo is there, as what it deploys comes last. */
async function there(page, path) {
  let status = 0;
  for (let left = 120; left > 0 && status !== 200; left -= 1) {
    status = (await page.goto(path)).status();
    if (status !== 200) await page.waitForTimeout(500);
  }
  return status === 200;
}

journey('things with parts', (it) => {
  it('a service with its database is got in one go, explained, and goes as one', async ({ page, t }) => {
    await asPerson(page, 'Amara');
    if (!(await there(page, '/workloads/booking/berth-plan'))) return t.skip('no PostgreSQL on this machine');
    await page.goto('/get/quay/new');
    await page.getByLabel('Name', { exact: true }).fill('buoys');
    await page.getByLabel('What is it for?').fill('Knows where each buoy lies.');
    await page.getByRole('button', { name: 'Show what would happen' }).click();
    await page.getByText('Nothing was done yet.').waitFor();
    assert.ok(await page.getByText('buoys-database.dev').count(), 'it names what would be made');
    await page.getByRole('button', { name: 'Get Quay' }).click();
    await page.waitForURL(/\/instances\/booking\/buoys\.dev/);
    await page.locator('.badge', READY).first().waitFor({ timeout: 60_000 });
    await page.reload();
    const made = page.locator('section', { has: page.getByRole('heading', { name: 'Made of' }) });
    assert.equal(await made.locator('li').count(), 2, 'both parts are shown');
    assert.match(await made.innerText(), /The release names postgres as this part/);
    await checkAccessibility(page);
    await made.getByRole('link', { name: 'buoys-database.dev' }).click();
    assert.ok(await page.getByText('Needed by').count(), 'the part says who needs it');
    await page.goto('/instances/booking/buoys-database.dev/destroy');
    await page.getByLabel('All of that may be lost for ever').check();
    await page.getByRole('button', { name: /^Destroy/ }).click();
    await page.getByText('is needed by buoys.dev').first().waitFor();
  });

  it('a workload is seen in its environments, with what was deployed', async ({ page, t }) => {
    await asPerson(page, 'Amara');
    if (!(await there(page, '/workloads/booking/berth-plan'))) return t.skip('no PostgreSQL on this machine');
    await page.goto('/team');
    await page.getByRole('link', { name: 'Workloads' }).click();
    await page.getByRole('link', { name: 'berth-plan' }).click();
    assert.ok(await page.getByText('loggia promote berth-plan --from dev --to test').count(), 'the next step is a command');
    const cell = page.locator('[data-label="State"]').first();
    for (let left = 60; left > 0 && !/ready/.test(await cell.innerText()); left -= 1) {
      await page.waitForTimeout(500);
      await page.reload();
    }
    assert.match(await cell.innerText(), /ready/);
    const open = page.getByRole('link', { name: 'Open' }).first();
    const answer = await page.request.get(await open.getAttribute('href'));
    assert.equal(answer.status(), 200, 'it really runs');
    await page.goto('/differences?from=dev&to=test&team=booking');
    assert.match(await page.locator('main').innerText(), /berth-plan/);
  });
});
