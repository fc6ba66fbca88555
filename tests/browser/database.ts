// The suite's own database, for what only time brings about: a lock that wants ten failures minutes apart, an admission that ends.
import { execFileSync } from 'node:child_process'
import { existsSync, readdirSync, readFileSync } from 'node:fs'
import { join } from 'node:path'

/** Line of PostgreSQL's pid file that holds the port. */
const PORT_LINE = 3

function psql(): string {
  const root = '/usr/lib/postgresql'
  const versions = existsSync(root) ? readdirSync(root) : []
  return versions.map((version) => join(root, version, 'bin/psql')).find((program) => existsSync(program)) ?? 'psql'
}

/** Executes a statement as the cluster's owner; gives what it prints. */
export function sql(statement: string): string {
  const home = join(process.env['QIHANG_TEST_DATA'] ?? '', 'postgres')
  const port = readFileSync(join(home, 'data/postmaster.pid'), 'utf8').split('\n')[PORT_LINE] ?? ''
  const password = readFileSync(join(home, 'password'), 'utf8')
  const options = ['-h', '127.0.0.1', '-p', port, '-U', 'qihang', '-d', 'qihang', '-v', 'ON_ERROR_STOP=1', '-X', '-A', '-t', '-c', statement]
  return execFileSync(psql(), options, { env: { ...process.env, PGPASSWORD: password }, encoding: 'utf8' }).trim()
}
