// SPDX-License-Identifier: Apache-2.0
import type { Command } from 'commander';
import { administratorOptions } from '../administrator-options.ts';
import { collect } from '../asking.ts';
import type { RegisterCommand } from '../command.ts';
import { type IstioOptions, importFromIstio } from '../import/istio.ts';
import { importFromMariadb, type MariadbOptions } from '../import/mariadb.ts';

export const registerImport: RegisterCommand = (program, context, run) => {
  const command = program
    .command('import')
    .description('make a declaration of what is there: grants of a database, policies of a mesh');
  const mariadb = command
    .command('mariadb')
    .description('accounts, roles and grants of a MariaDB -> a declaration in Observe mode')
    .option('--target <name>', 'a declared Target; its address and TLS are used')
    .option('--name <name>', 'name of a new Target', 'database')
    .option('--namespace <name>', 'namespace of a new Target', 'data');
  administratorOptions(mariadb)
    .option('--ca <file>', 'root certificates (PEM) of the database')
    .option('--server-name <name>', 'name in its certificate, when not that of --host')
    .option('--insecure-skip-verify', 'encrypted, but anybody may answer in its place')
    .option('--insecure-plaintext', 'no TLS to the database')
    .option('--map <file>', 'whose each account is; a first run writes one to fill in');
  deliveryOptions(mariadb)
    .addHelpText('after', MARIADB_HELP)
    .action((options: MariadbOptions) => run(() => importFromMariadb(options, context)));
  const istio = command
    .command('istio [paths...]')
    .description('AuthorizationPolicies and their company -> a declaration in Observe mode')
    .option('--context <name>', 'read the cluster of this context of the kubeconfig instead')
    .option('--name <name>', 'name of the files that are written', 'mesh')
    .option('--cluster-name <name>', 'name of the Cluster; made unless it is declared', 'mesh')
    .option('--trust-domain <name>', 'its trust domain (default: what most principals say)')
    .option(
      '--schema <name>',
      'schema of the databases (repeatable; default: the Target name)',
      collect,
    )
    .option('--role <name>', 'what the Grants give', 'reader');
  deliveryOptions(istio)
    .addHelpText('after', ISTIO_HELP)
    .action((paths: string[], options: IstioOptions) =>
      run(() => importFromIstio(paths, options, context)),
    );
};

function deliveryOptions(command: Command): Command {
  return command
    .option(
      '--policy <path>',
      'what is declared already (repeatable; default: as for check)',
      collect,
    )
    .option('--out <directory>', 'where to write; by default print')
    .option('--force', 'overwrite what is there with other content')
    .option('--json', 'print JSON');
}

const MARIADB_HELP = `
  postern import mariadb --name orders --host db.example --ca db-ca.pem --out policy/
  postern import mariadb --name orders --host db.example --ca db-ca.pem --out policy/ \\
    --map policy/orders.accounts.map --force

Reads the grant tables through an account with SELECT on mysql.*, or the reader that bootstrap
made; it needs nothing of Postern on the server and changes nothing there. An account is no
identity: who uses it is written into the map. Everything that was read is in the declaration
or in the report.
Exit code: 0 everything carried over, 1 something is left (see the report), 2 usage or faults,
3 no way in.`;

const ISTIO_HELP = `
  postern import istio manifests/ --cluster-name prod --schema shop --out policy/
  postern import istio --context prod-admin --cluster-name prod --out policy/

Reads AuthorizationPolicies, PeerAuthentications, RequestAuthentications and ServiceEntries of
databases; Services, pods and namespaces are looked at to find them. Every value in these
objects is in the declaration or in the report, with its line.
Exit code: 0 everything carried over, 1 something is left (see the report), 2 usage or faults,
3 no way to the cluster.`;
