// SPDX-License-Identifier: Apache-2.0
import { deepEqual } from 'node:assert/strict';
import { describe, it } from 'node:test';
import { httpDeclaration } from '../support/proof-declarations.ts';
import {
  asDeclared,
  caseText,
  checkedPolicy,
  editObject,
  type Planted,
  proofOf,
} from '../support/proof-world.ts';

const ALLOW = 'AuthorizationPolicy/postern-system/postern-http-allow';
const TOKENS = 'RequestAuthentication/postern-system/postern-tokens';
const V1 = '(token of https://sts.windows.net/11111111-2222-3333-4444-555555555555/)';
const OTHER = 'somebody whom no provider declares (token of https://other.example)';

function letIn(planted: Planted, requestPrincipal: string): void {
  editObject(planted, ALLOW, ({ spec }) => {
    const from = [{ source: { requestPrincipals: [requestPrincipal] } }];
    (spec['rules'] as object[]).push({ from, to: [{ operation: { paths: ['/models'] } }] });
  });
}

function found(planted: Planted): readonly string[] {
  return proofOf({ ...planted, databases: new Map() }).counterExamples.map(caseText);
}

describe('tokens that a mesh lets in', () => {
  it('are asked about from issuers that only the mesh names', () => {
    const planted = asDeclared(checkedPolicy(httpDeclaration()));
    editObject(planted, TOKENS, ({ spec }) => {
      (spec['jwtRules'] as object[]).push({ issuer: 'https://other.example' });
    });
    deepEqual(found(planted), []);
    letIn(planted, 'https://other.example/*');
    deepEqual(found(planted), [
      `exceeds mesh ml/models: ${OTHER} by workload/prod/tools/* connect GET /models`,
      `exceeds mesh ml/tracking: ${OTHER} by workload/prod/*/* connect GET /models`,
    ]);
  });

  it('have a subject, whatever claim says who they are for', () => {
    const planted = asDeclared(checkedPolicy(httpDeclaration()));
    letIn(planted, '*');
    deepEqual(found(planted), [
      `exceeds mesh ml/tracking: user/entra/* ${V1} by workload/prod/*/* connect GET /models`,
    ]);
  });
});
