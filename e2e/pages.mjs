// The pages of the house, with who looks at them: what every page has to hold is checked over this list.

/** Pages that a developer sees. */
export const DEVELOPER = [
  ['home', '/'], ['get', '/get'], ['offering', '/get/postgres'], ['form', '/get/postgres/new'],
  ['documentation', '/get/postgres/docs'], ['team', '/team'], ['teams', '/teams'],
  ['instance', '/instances/booking/orders.production'], ['destroy', '/instances/booking/orders.test/destroy'],
  ['search', '/search?q=booking'], ['nothing found', '/search?q=zzzzqqqq'], ['catalog', '/search?kind=component'],
  ['entity', '/catalog/component/default/booking-service'],
  ['history', '/catalog/component/default/booking-service/history'],
  ['change', '/catalog/component/default/booking-service/edit'],
  ['who runs', '/who-runs'], ['who runs PostgreSQL', '/who-runs?offering=postgres&below=15'],
  ['sessions and tokens', '/me'], ['help', '/help'], ['not found', '/nosuch', 404], ['sources', '/sources'],
  ['not allowed', '/studio', 403],
  ['versions', '/get/postgres/versions'], ['environment', '/environments/production'],
  ['upgrade', '/instances/booking/orders.production/upgrade'], ['another plan', '/instances/booking/orders.production/form'], ['change without one', '/instances/booking/orders.production/change', 404],
  ['team of another', '/teams/tracking'], ['team by its whole name', '/teams/default/tracking'], ['offering in the catalog', '/catalog/offering/default/postgres'],
  ['page of the documentation', '/get/postgres/docs/limits'], ['page of the help', '/help/getting-things'],
  ['campaigns', '/campaigns'], ['campaign', '/campaigns/tern-7'], ['standards', '/standards'],
  ['workloads', '/workloads'], ['workload', '/workloads/booking/berth-plan'], ['made of parts', '/instances/booking/tides.dev'],
  ['environments beside each other', '/differences?from=dev&to=test&team=booking'], ['what differs', '/differences'],
  ['standard', '/standards/owner-known'], ['endings', '/endings'], ['ending', '/endings/tern-6'],
];

/** Pages that only the product team sees. */
export const PLATFORM = [
  ['studio', '/studio'], ['sync and checks', '/sources'], ['unmatched', '/who-runs/unmatched'], ['left behind', '/leaks'], ['design', '/design'],
  ['campaign of the product team', '/campaigns/tern-7'], ['standard of the product team', '/standards/owner-known'],
  ['ending of the product team', '/endings/tern-6'], ['new ending', '/ending/new'],
  ['versions for the product team', '/get/postgres/versions'],
];

/** Addresses that answer with something else than a page, or with a page that only an event leads to. */
export const NO_PAGES = [
  /^\/(\.backstage|api|assets|brand|calendar|files)\//, /\.(json|csv|yaml)$/, /^\/(about|healthz|readyz|metrics)$/,
  // Those of the sign-in are looked at before anybody has signed in.
  /^\/login/,
  // Looked at in the journeys that make them: the stream of an operation, and a change that waits.
  /^\/operations\//, /\/change\/patch$/,
];

/** Pages whose first visit has to be light. */
export const FIRST = [
  ['home', '/'], ['get', '/get'], ['offering', '/get/postgres'], ['instance', '/instances/booking/orders.production'],
];

/** Waits until what the demo runs is there, as it fills itself after it is ready. */
export async function untilFilled(page) {
  const until = Date.now() + 60_000;
  while ((await page.goto('/instances/booking/orders.production')).status() !== 200 && Date.now() < until) {
    await page.waitForTimeout(200);
  }
  await page.getByText('ready', { exact: true }).first().waitFor({ timeout: 30_000 });
  // Deployed last, when its database can be made.
  while ((await page.goto('/workloads/booking/berth-plan')).status() !== 200 && Date.now() < until) {
    await page.waitForTimeout(200);
  }
}
