// SPDX-License-Identifier: Apache-2.0

interface CatalogueEntry {
  readonly severity: 'error' | 'warning';
  readonly message: string;
  readonly remedy: string;
}

/**
 * Everything that can be said about a declaration; a data table, closed. `{fact}` is replaced by
 * the fact of that name. `docs/reference/diagnostics.md` is printed from it.
 */
export const DIAGNOSTIC_CATALOGUE = {
  // reading
  'file-unreadable': {
    severity: 'error',
    message: 'Cannot read {path}: {problem}.',
    remedy: 'Check the path and its permissions.',
  },
  'file-too-large': {
    severity: 'error',
    message: 'The file has {size} bytes; at most {limit} are read.',
    remedy: 'Split it into several files.',
  },
  'nothing-declared': {
    severity: 'error',
    message: 'No document was found in {paths}.',
    remedy: 'Name a directory with .yaml files, or write a first declaration with `postern init`.',
  },
  'yaml-syntax': {
    severity: 'error',
    message: 'This is not valid YAML: {problem}.',
    remedy: 'Correct the syntax; nothing after this point was checked in this document.',
  },
  'yaml-ambiguous': {
    severity: 'error',
    message: '{value} is {first} in YAML 1.1 and {second} in YAML 1.2.',
    remedy: '{suggestion}',
  },
  'yaml-key': {
    severity: 'error',
    message: 'The key {key} is not text in every YAML version.',
    remedy: 'Quote it, or use another name.',
  },
  'yaml-duplicate-key': {
    severity: 'error',
    message: 'The key "{key}" appears twice in one mapping.',
    remedy: 'Remove one of the two.',
  },
  'yaml-feature': {
    severity: 'error',
    message: '{feature} cannot be used in a declaration.',
    remedy: '{instead}.',
  },
  'yaml-too-complex': {
    severity: 'error',
    message: 'The document is too complex: {problem}.',
    remedy: 'Write it out plainly, or split it into several documents.',
  },
  'document-not-mapping': {
    severity: 'error',
    message: 'A document must be a mapping with apiVersion, kind, metadata and spec.',
    remedy: 'Start it with "apiVersion: postern.dev/v1alpha1".',
  },
  // shape
  'api-version': {
    severity: 'error',
    message: 'apiVersion is {found}; only postern.dev/v1alpha1 is understood.',
    remedy: 'Write "apiVersion: postern.dev/v1alpha1", or move the document elsewhere.',
  },
  'kind-unknown': {
    severity: 'error',
    message: 'There is no kind {kind}.',
    remedy: '{suggestion}',
  },
  'key-unknown': {
    severity: 'error',
    message: 'There is no key "{key}" in {where}.',
    remedy: '{suggestion}',
  },
  'key-missing': {
    severity: 'error',
    message: '{where} needs the key "{key}".',
    remedy: 'Add "{key}:".',
  },
  'value-type': {
    severity: 'error',
    message: '{where} must be {expected}, not {found}.',
    remedy: '{suggestion}',
  },
  'value-invalid': {
    severity: 'error',
    message: '{where}: {problem}.',
    remedy: '{suggestion}',
  },
  'one-of': {
    severity: 'error',
    message: '{where} must have exactly one of {keys}; it has {found}.',
    remedy: 'Write exactly one of them.',
  },
  // names and references
  'duplicate-name': {
    severity: 'error',
    message: '{rule} is declared twice; the first is at {first}.',
    remedy: 'Rename or remove one of the two.',
  },
  'name-reserved': {
    severity: 'error',
    message: 'The name {name} is reserved: {reason}.',
    remedy: 'Choose another name.',
  },
  'reference-unknown': {
    severity: 'error',
    message: 'There is no {kind} {name}.',
    remedy: '{suggestion}',
  },
  'role-unknown': {
    severity: 'error',
    message: 'The role {role} does not exist for Target {target}.',
    remedy: '{suggestion}',
  },
  'role-needs-schemas': {
    severity: 'error',
    message: 'The built-in role {role} covers the schemas of a Target, and {target} names none.',
    remedy: 'Add "schemas: [...]" to the Target, or write a DataRole.',
  },
  // identity
  'cluster-indistinguishable': {
    severity: 'error',
    message:
      'Clusters {first} and {second} cannot be told apart: both have {shared}. Nobody of either could log in.',
    remedy: 'Give each a root certificate and a token issuer of its own, or declare one Cluster.',
  },
  'duplicate-issuer': {
    severity: 'error',
    message: 'The issuer {issuer} belongs to both {first} and {second}.',
    remedy: 'An issuer may have one owner only; merge the two or correct one.',
  },
  'issuer-insecure': {
    severity: 'error',
    message: '{where} is {url}, but plain http is accepted on loopback only.',
    remedy: 'Use https.',
  },
  'provider-kind': {
    severity: 'error',
    message: 'The provider {provider} makes no {kind} principals, so this never matches.',
    remedy: '{suggestion}',
  },
  'provider-claim': {
    severity: 'error',
    message: 'Tokens of the provider {provider} carry no {what}, so this never matches.',
    remedy: '{suggestion}',
  },
  'provider-without-cluster': {
    severity: 'error',
    message: 'No Cluster has serviceAccountTokens of the issuer {issuer}.',
    remedy: 'Declare the Cluster with this issuer; it makes the provider unnecessary.',
  },
  'material-needs-cluster': {
    severity: 'error',
    message: '{where} is a {form}, which needs a cluster to read it from.',
    remedy: 'Outside a cluster mount it and use {file: path}, or {env: NAME}.',
  },
  // subjects
  'ci-unbound': {
    severity: 'error',
    message: 'This ci subject has neither ownerId nor repositoryId; names can be taken over.',
    remedy: 'Add the numeric ownerId or repositoryId that the provider puts into its tokens.',
  },
  'display-name': {
    severity: 'error',
    message: '{where} names {name} by a name that can change or be reused.',
    remedy: 'Use the immutable object id; displayName may stand beside it as text.',
  },
  'mutable-identifier': {
    severity: 'warning',
    message: '{where} is {name}, which looks like a mail address or a display name.',
    remedy: 'Use an identifier that the provider never gives to somebody else.',
  },
  'wildcard-refused': {
    severity: 'error',
    message: '{where}: {problem}.',
    remedy: '{suggestion}',
  },
  'broad-subject': {
    severity: 'warning',
    message: '{problem}.',
    remedy: '{suggestion}',
  },
  'subject-selects-nothing': {
    severity: 'warning',
    message: 'This subject matches nobody: {problem}.',
    remedy: 'Correct the selector, or remove the subject.',
  },
  'grant-selects-nothing': {
    severity: 'error',
    message: 'The Grant gives nothing: {problem}.',
    remedy: '{suggestion}',
  },
  'deny-selects-nothing': {
    severity: 'warning',
    message: 'The Deny takes nothing away: {problem}.',
    remedy: 'Correct the selector, or remove the Deny.',
  },
  // targets and roles
  'target-clash': {
    severity: 'error',
    message: 'Targets {first} and {second} both use {what}; a connection could mean either.',
    remedy: 'Give each Target its own.',
  },
  'target-not-served': {
    severity: 'warning',
    message: 'A Target of the form {form} is declared and checked, but not served by this build.',
    remedy: 'Nothing to do; connections to it are denied.',
  },
  'target-observed': {
    severity: 'warning',
    message: 'The Target is in Observe mode: what would be denied is allowed and recorded.',
    remedy: 'Set "enforcement: Enforce" once the record shows what you expect.',
  },
  insecure: {
    severity: 'warning',
    message: '{what} weakens the connection to the Target: {effect}.',
    remedy: 'Use "tls: {ca: {file: ...}}".',
  },
  'account-reserved': {
    severity: 'error',
    message: 'The broker account {user} is a system account.',
    remedy: 'Use an account of its own; `postern bootstrap` creates one with the least rights.',
  },
  'broker-shared': {
    severity: 'error',
    message: 'The broker account {user} of {endpoint} is the one of Target {other} already.',
    remedy:
      'Name another user: a broker account lends the roles of one Target only. Or declare all schemas of the server in one Target.',
  },
  'schema-reserved': {
    severity: 'error',
    message: 'The schema {schema} belongs to {owner} and cannot be granted.',
    remedy: 'Grant the schemas of your application only.',
  },
  'action-object': {
    severity: 'error',
    message: 'The action {action} cannot be given on {object}.',
    remedy: '{suggestion}',
  },
  'columns-without-view': {
    severity: 'warning',
    message:
      'Columns without "as" are column grants; the proof counts the whole table as readable.',
    remedy: 'Add "as: schema.view" to offer the columns through a definer view.',
  },
  // rules
  'condition-invalid': {
    severity: 'error',
    message: 'The condition on {key} is not valid: {problem}.',
    remedy: '{suggestion}',
  },
  'condition-source-ip': {
    severity: 'warning',
    message: 'source.ip only narrows a rule; an address is not an identity.',
    remedy: 'Keep it only beside a subject that would be enough by itself.',
  },
  'grant-expired': {
    severity: 'warning',
    message: 'The Grant expired at {expires} and gives nothing any more.',
    remedy: 'Remove it, or set a new "expires".',
  },
  'rule-dead': {
    severity: 'warning',
    message: '{rule} never applies: nobody meets its subjects and conditions at any time.',
    remedy: 'Correct its subjects or conditions, or remove it.',
  },
  'rule-shadowed': {
    severity: 'warning',
    message: '{rule} changes nothing: whatever it says, {others} already say at the same time.',
    remedy: 'Remove it, unless its limits are wanted: those of all Grants that allow still count.',
  },
  'grant-denied': {
    severity: 'warning',
    message: '{rule} gives nothing: {deny} keeps out everybody it means, such as {witness}.',
    remedy: 'Remove it, or leave its subjects out of the Deny.',
  },
  'rules-undecided': {
    severity: 'warning',
    message:
      'Whether rules on {target} are superfluous was not decided: too many combinations of groups, claims and times.',
    remedy:
      'Nothing has to be done; fewer groups, claims and windows per Target are easier to judge.',
  },
  // what people meant and tokens, pods and directories do not do
  'issuer-mismatch': {
    severity: 'warning',
    message: 'No token will carry the issuer {issuer}: {problem}.',
    remedy: '{suggestion}',
  },
  'audience-mismatch': {
    severity: 'warning',
    message: '{problem}.',
    remedy: '{suggestion}',
  },
  'audience-shared': {
    severity: 'warning',
    message: 'The audience {audience} is not that of Postern alone: {problem}.',
    remedy: '{suggestion}',
  },
  'issuer-shared': {
    severity: 'warning',
    message: 'Clusters have the issuer {issuer} by default: a second one could not be told apart.',
    remedy: 'Set --service-account-issuer of the API server to an address of its own.',
  },
  'service-account-shared': {
    severity: 'warning',
    message:
      '{account} belongs to {second} and to {first}: what one of them is given, the other has.',
    remedy: 'Give each a service account of its own.',
  },
  'service-account-default': {
    severity: 'warning',
    message: '{account} is the account of every pod of its namespace that names no other.',
    remedy: 'Give the workload a service account of its own, and name that.',
  },
  'display-name-conflict': {
    severity: 'warning',
    message: '{problem}; names are for the reader and never compared.',
    remedy: 'Look both up at the provider; one of the ids or names is not what it is taken for.',
  },
  'declared-unused': {
    severity: 'warning',
    message: '{rule} selects nothing: no {by} names it.',
    remedy: 'Use it, or remove it.',
  },
  'target-ungranted': {
    severity: 'warning',
    message: 'Nobody can reach {target}: no Grant selects it.',
    remedy: 'Add a Grant in its namespace whose targetSelector matches its labels.',
  },
  // Kubernetes and Istio objects of one's own (check --mesh)
  'manifest-unreadable': {
    severity: 'warning',
    message: 'This is no Kubernetes object: it has no apiVersion, kind or name.',
    remedy: 'Leave the file out, or name the directory that holds objects only.',
  },
  'istio-field-unknown': {
    severity: 'warning',
    message:
      '{object}: there is no field "{field}" in {where}; the API server drops or refuses it.',
    remedy: '{suggestion}',
  },
  'istio-refused': {
    severity: 'warning',
    message: '{object}: Istio refuses or never matches this: {problem}.',
    remedy: '{suggestion}',
  },
  'istio-server-first': {
    severity: 'warning',
    message:
      'Port {port} of {workload} speaks first and is {mode}{origin}: a client without a sidecar hangs, and whoever gets in without one has no identity.',
    remedy: 'Set mtls.mode STRICT in a PeerAuthentication that selects its pods.',
  },
  'istio-deny-without-strict': {
    severity: 'warning',
    message: '{object}: this DENY looks at identity, and {workload} is not STRICT: {effect}.',
    remedy: 'Set mtls.mode STRICT for the same pods, in the same change.',
  },
  'istio-wildcard-principal': {
    severity: 'warning',
    message: '{object}: {value} admits {who}.',
    remedy: 'Name each service account: "trust-domain/ns/NAMESPACE/sa/NAME".',
  },
  'istio-wildcard-host': {
    severity: 'warning',
    message: '{object}: {problem}.',
    remedy: '{suggestion}',
  },
  'istio-allow-by-exclusion': {
    severity: 'warning',
    message:
      '{object}: this ALLOW names only who is left out ({fields}); callers without any identity are let in.',
    remedy: 'Name who is let in (principals), and leave the exclusion to a DENY.',
  },
  'istio-allow-everybody': {
    severity: 'warning',
    message:
      '{object}: this ALLOW has no source: whoever reaches the port is let in, with or without mutual TLS.',
    remedy: 'Add "from" with principals.',
  },
  'istio-http-field': {
    severity: 'warning',
    message: '{object}: {fields} exist in HTTP only, and {workload} is TCP: {effect}.',
    remedy: 'Use principals and ports alone for a database.',
  },
  'istio-deny-without-ports': {
    severity: 'warning',
    message: '{object}: a DENY with {fields} and without ports denies every TCP port of its pods.',
    remedy: 'Add "ports" with the HTTP ports that are meant.',
  },
  'istio-selects-nothing': {
    severity: 'warning',
    message: '{object} selects nothing: {problem}.',
    remedy: '{suggestion}',
  },
  'istio-default-account': {
    severity: 'warning',
    message: '{object}: {value} is whatever pod of the namespace names no service account.',
    remedy: 'Give the workload a service account of its own, and name that.',
  },
  'istio-shared-account': {
    severity: 'warning',
    message: '{second} and {first} run as {account}: what one of them is given, the other has.',
    remedy: 'Give each a service account of its own.',
  },
  'istio-trust-domain': {
    severity: 'warning',
    message: '{object}: {problem}.',
    remedy: '{suggestion}',
  },
  'istio-token-rule': {
    severity: 'warning',
    message: '{object}: {problem}.',
    remedy: '{suggestion}',
  },
  'istio-token-optional': {
    severity: 'warning',
    message: '{object}: a request without a token passes; no policy of its pods asks for one.',
    remedy:
      'Add a DENY with notRequestPrincipals ["*"] and the ports, or an ALLOW with requestPrincipals.',
  },
  'istio-port-protocol': {
    severity: 'warning',
    message: '{object}: port {port} {problem}.',
    remedy: 'Set "appProtocol: tcp" and a name that begins with "tcp-".',
  },
  'istio-service-entry': {
    severity: 'warning',
    message: '{object}: {problem}.',
    remedy: '{suggestion}',
  },
  'istio-database-bypass': {
    severity: 'warning',
    message: '{object} lets {value} reach {target} past Postern.',
    remedy:
      'Remove it, or declare the account under "pods.operators" of the Target if it belongs there.',
  },
  // mesh
  'mesh-gateway-missing': {
    severity: 'error',
    message: 'The mesh of Cluster {cluster} has no Postern: nothing can be rendered for it.',
    remedy: 'Add "gateway: {namespace: ..., serviceAccount: ...}" to spec.istio, or remove it.',
  },
  'mesh-version': {
    severity: 'error',
    message: 'Cluster {cluster} has Istio {version}; {problem}.',
    remedy: 'Correct spec.istio.version, or use another version.',
  },
  'mesh-name-clash': {
    severity: 'error',
    message: '{first} and {second} would both be the Service {name} of Cluster {cluster}.',
    remedy: 'Give one of them another "expose.service".',
  },
  'mesh-unenforceable': {
    severity: 'error',
    message: '{what} (Cluster {cluster}).',
    remedy: '{suggestion}',
  },
  'mesh-database-open': {
    severity: 'warning',
    message:
      'Nothing in the mesh of Cluster {cluster} keeps others from {host}, the database of {target}.',
    remedy: 'Declare its pods ("pods: {cluster: ..., namespace: ..., labels: ...}").',
  },
} as const satisfies Readonly<Record<string, CatalogueEntry>>;
