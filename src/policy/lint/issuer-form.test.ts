// SPDX-License-Identifier: Apache-2.0
import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { entraTenant, entraVersion, issuerProblem } from './issuer-form.ts';

const TENANT = '11111111-2222-3333-4444-555555555555';

describe('forms of issuers', () => {
  it('takes what tokens carry, and what nothing is known about', () => {
    for (const issuer of [
      `https://sts.windows.net/${TENANT}/`,
      `https://login.microsoftonline.com/${TENANT}/v2.0`,
      'https://token.actions.githubusercontent.com',
      'https://token.actions.githubusercontent.com/acme',
      'https://gitlab.com',
      'https://gitlab.example.org',
      'https://acme.okta.com/oauth2/default',
      `https://vstoken.dev.azure.com/${TENANT}`,
      'https://weu.oic.prod-aks.azure.com/t/c/',
      'https://id.example.com/',
    ]) {
      assert.equal(issuerProblem(issuer), undefined, issuer);
    }
  });

  it('says what to write instead', () => {
    for (const [issuer, meant] of [
      [`https://sts.windows.net/${TENANT}`, `"https://sts.windows.net/${TENANT}/"`],
      [`https://sts.windows.net/${TENANT}/v2.0`, `"https://sts.windows.net/${TENANT}/"`],
      [
        `https://login.microsoftonline.com/${TENANT}/v2.0/`,
        `"https://login.microsoftonline.com/${TENANT}/v2.0"`,
      ],
      [
        `https://login.microsoftonline.com/${TENANT}`,
        `"https://login.microsoftonline.com/${TENANT}/v2.0"`,
      ],
      ['https://gitlab.com/', '"https://gitlab.com"'],
      ['https://acme-admin.okta.com/oauth2/default', '"https://acme.okta.com/oauth2/default"'],
    ] as const) {
      assert.ok(issuerProblem(issuer)?.suggestion.includes(meant), issuer);
    }
    assert.match(issuerProblem('https://sts.windows.net/common/')?.problem ?? '', /stands for/);
  });

  it('tells version and tenant of Entra', () => {
    assert.equal(entraVersion(`https://sts.windows.net/${TENANT}/`), 1);
    assert.equal(entraVersion(`https://login.microsoftonline.us/${TENANT}/v2.0`), 2);
    assert.equal(entraVersion('https://id.example.com'), undefined);
    assert.equal(entraTenant(`https://login.microsoftonline.com/${TENANT}/v2.0`), TENANT);
  });
});
