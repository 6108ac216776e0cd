// A real OpenID provider (npm oidc-provider) on a free port of this machine: it prints its issuer, and takes any name.
// PAGE is where the approval page is, if there is one; its client has a secret.
import { generateKeyPairSync } from 'node:crypto';
import { createServer } from 'node:http';
import Provider from 'oidc-provider';

const jwk = generateKeyPairSync('rsa', { modulusLength: 2048 }).privateKey.export({ format: 'jwk' });
const scopes = 'po:read po:write po:approve';
const configuration = {
  jwks: { keys: [{ ...jwk, kid: `key-${Date.now()}`, use: 'sig', alg: 'RS256' }] },
  clients: [
    {
      client_id: 'assistant',
      token_endpoint_auth_method: 'none',
      application_type: 'native',
      grant_types: ['authorization_code', 'refresh_token'],
      response_types: ['code'],
      redirect_uris: ['http://127.0.0.1/callback'],
    },
    ...(process.env.PAGE
      ? [
          {
            client_id: 'page',
            client_secret: 'page-secret',
            grant_types: ['authorization_code'],
            response_types: ['code'],
            redirect_uris: [`${process.env.PAGE}/auth/callback`],
          },
        ]
      : []),
  ],
  scopes: ['openid', 'offline_access', ...scopes.split(' ')],
  claims: { openid: ['sub'], profile: ['name', 'groups'] },
  conformIdTokenClaims: false, // what a profile holds stands in the ID token, as with most issuers
  findAccount: (ctx, id) => ({
    accountId: id,
    claims: () => ({ sub: id, name: `${id[0].toUpperCase()}${id.slice(1)}`, groups: id === 'alice' ? [] : ['leads'] }),
  }),
  pkce: { required: () => true },
  cookies: { keys: ['tests'] },
  features: {
    devInteractions: { enabled: true }, // a form that takes any name
    registration: { enabled: true },
    resourceIndicators: {
      enabled: true,
      defaultResource: () => undefined,
      useGrantedResource: () => true,
      getResourceServerInfo: (ctx, resource) => ({
        scope: scopes,
        audience: resource,
        accessTokenFormat: 'jwt',
        accessTokenTTL: 300,
        jwt: { sign: { alg: 'RS256' } },
      }),
    },
  },
};

const server = createServer().listen(0, '127.0.0.1', () => {
  const issuer = `http://127.0.0.1:${server.address().port}`;
  server.on('request', new Provider(issuer, configuration).callback());
  console.log(issuer);
});
