// A provider for the test of signing in: node provider.mjs PORT REDIRECT TEAMS, run where oidc-provider is installed.
// Anybody is let in, as NAME or as WHO--NAME: somebody else with the name and the address of NAME, which nobody has
// checked when WHO is "unchecked";  everybody is in the teams that the file TEAMS names now, one a line.
import { readFileSync } from 'node:fs';
import { createRequire } from 'node:module';

const require = createRequire(process.cwd() + '/');
const { Provider } = await import(require.resolve('oidc-provider'));
const [port, redirect, teams] = process.argv.slice(2);
const issuer = `http://127.0.0.1:${port}`;
const provider = new Provider(issuer, {
  clients: [{ client_id: 'loggia', client_secret: 'not-so-secret', redirect_uris: [redirect],
    grant_types: ['authorization_code'], response_types: ['code'] }],
  pkce: { required: () => true },
  claims: { openid: ['sub'], profile: ['name', 'preferred_username', 'teams'], email: ['email', 'email_verified'] },
  cookies: { keys: ['test'] },
  findAccount: (_, id) => ({
    accountId: id,
    claims: () => ({ sub: id, name: `${id} of the test`, preferred_username: id.split('--').pop(),
      email: `${id.split('--').pop()}@example.com`, email_verified: !id.startsWith('unchecked--'), teams: readFileSync(teams, 'utf8').split('\n').filter(Boolean) }),
  }),
});
provider.listen(Number(port), '127.0.0.1', () => console.log('up'));
