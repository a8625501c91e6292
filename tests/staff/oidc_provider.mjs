// A real OpenID Connect provider on loopback for the tests: panva's certified oidc-provider, with its own login pages.
// Usage: node oidc_provider.mjs PORT REDIRECT_URI.  POST /spoil?part=… changes one part of every later ID token.
import { generateKeyPairSync } from 'node:crypto';

import { SignJWT, decodeJwt, decodeProtectedHeader, exportJWK, importJWK } from 'jose';
import { Provider } from 'oidc-provider';

const [port, redirectUri] = process.argv.slice(2);
const issuer = `http://127.0.0.1:${port}`;
const key = async (kid) => {
  const { privateKey } = generateKeyPairSync('rsa', { modulusLength: 2048 });
  return { ...(await exportJWK(privateKey)), kid, alg: 'RS256', use: 'sig' };
};
const ours = await key('ours');
const forged = await key('ours'); // the same name, another key

const client = { client_id: 'helpdesk', client_secret: 'a-secret-of-this-test', redirect_uris: [redirectUri] };
const provider = new Provider(issuer, {
  clients: [client, { ...client, client_id: 'another' }],
  jwks: { keys: [ours] },
  pkce: { required: () => true },
  cookies: { keys: ['a-key-of-this-test'] },
  findAccount: (_, id) => ({ accountId: id, claims: () => ({ sub: id }) }),
});

const SPOILED = {
  iss: (claims) => ({ ...claims, iss: 'https://evil.example' }),
  aud: (claims) => ({ ...claims, aud: 'another', azp: 'helpdesk' }),
  nonce: (claims) => ({ ...claims, nonce: 'another' }),
  'no nonce': ({ nonce, ...claims }) => claims,
  'no sub': ({ sub, ...claims }) => claims,
  exp: (claims) => ({ ...claims, iat: claims.iat - 7200, exp: claims.iat - 3600 }),
  key: (claims) => claims,
  alg: (claims) => claims,
  none: (claims) => claims,
  same: (claims) => claims, // signed anew and unchanged: shows that signing anew is not what is refused
};
const base64 = (value) => Buffer.from(JSON.stringify(value)).toString('base64url');

async function spoiled(token, part) {
  if (part === 'no token') return undefined;
  const claims = SPOILED[part](decodeJwt(token));
  if (part === 'none') return `${base64({ alg: 'none' })}.${base64(claims)}.`;
  const header = decodeProtectedHeader(token);
  if (part === 'alg') {
    return new SignJWT(claims).setProtectedHeader({ alg: 'HS256', kid: header.kid })
      .sign(new TextEncoder().encode(client.client_secret.padEnd(32, '-')));
  }
  return new SignJWT(claims).setProtectedHeader(header).sign(await importable(part === 'key' ? forged : ours));
}

const importable = (jwk) => importJWK(jwk, 'RS256');

let part = null;
provider.use(async (ctx, next) => {
  if (ctx.path === '/spoil') {
    part = ctx.query.part || null;
    ctx.status = 204;
    return;
  }
  await next();
  if (ctx.path === '/token' && part && ctx.body?.id_token) {
    ctx.body = { ...ctx.body, id_token: await spoiled(ctx.body.id_token, part) };
  }
});
provider.listen(Number(port), '127.0.0.1');
