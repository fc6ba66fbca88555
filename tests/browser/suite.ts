// Starts the suite with demonstration data on a folder of its own, and stops it afterwards.
import { spawn } from 'node:child_process'
import { chmodSync, mkdtempSync, rmSync } from 'node:fs'
import { createServer } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'

/** Longest that the suite may take to write its demonstration data. */
const PATIENCE = 180_000

/** How the suite's people sign in. */
export interface Logins {
  province: Staff
  office: Staff
  employer: { login: string; password: string }
  student: { school: string; number: string; password: string }
}

interface Staff {
  login: string
  password: string
  secret: string
}

/** A free port below those that systems give to outgoing connections, one of which could take it before the suite listens. */
async function freePort(port = 20_000 + ((process.pid * 37) % 12_000)): Promise<number> {
  return new Promise((resolve) => {
    const server = createServer()
    server.once('error', () => resolve(freePort(port + 1)))
    server.listen(port, '127.0.0.1', () => server.close(() => resolve(port)))
  })
}

function staff(text: string, title: string): Staff {
  const found = new RegExp(`${title}  (\\S+) / (\\S+)\\n\\s+动态验证码 qihang totp (\\S+)`).exec(text)
  if (found === null) throw new Error(`no login of ${title} in\n${text}`)
  const [, login = '', password = '', secret = ''] = found
  return { login, password, secret }
}

function logins(text: string): Logins {
  const [, employer = '', employerPassword = ''] = /用人单位  (\S+) \/ (\S+)/.exec(text) ?? []
  const [, school = '', number = '', password = ''] = /学生  (\d{10}) (\S+) \/ (\S+)/.exec(text) ?? []
  return {
    province: staff(text, '省就业中心'),
    office: staff(text, '学校就业办'),
    employer: { login: employer, password: employerPassword },
    student: { school, number, password },
  }
}

export default async function start(): Promise<() => Promise<void>> {
  // Whoever writes tests keeps a suite open and names it with its logins.
  if (process.env['QIHANG_TEST_LOGINS'] !== undefined) return () => Promise.resolve()
  const program = process.env['QIHANG_TEST_SUITE']
  if (program === undefined) throw new Error('QIHANG_TEST_SUITE names the program `qihang`; `make test-browser` sets it')
  const folder = mkdtempSync(join(tmpdir(), 'qihang-browser-'))
  // PostgreSQL runs as another user where this one is root.
  chmodSync(folder, 0o711)
  const url = `http://127.0.0.1:${await freePort()}`
  const running = spawn(program, ['run', '--demo', '--data', join(folder, 'data'), '--http', url.slice('http://'.length)], {
    env: { ...process.env, NO_COLOR: '1', QIHANG_GATEWAY__ADDRESS_RATE_PER_MINUTE: '1000000', QIHANG_GATEWAY__RATE_PER_MINUTE: '100000', QIHANG_CAPTCHA__DIFFICULTY: '8', QIHANG_DATABASE__ACQUIRE_TIMEOUT_MS: '30000' },
  })
  let said = ''
  const ready = new Promise<void>((resolve, reject) => {
    const hear = (piece: Buffer): void => {
      said += piece.toString()
      if (/演示账号[\s\S]*学生  \S+ \S+ \/ \S+/.test(said)) resolve()
    }
    running.stdout.on('data', hear)
    running.stderr.on('data', hear)
    running.on('exit', (code) => reject(new Error(`the suite ended (${code}):\n${said}`)))
    setTimeout(() => reject(new Error(`the suite did not come up:\n${said}`)), PATIENCE).unref()
  })
  const stop = async (): Promise<void> => {
    const ended = new Promise((resolve) => running.once('exit', resolve))
    if (running.exitCode === null && running.kill('SIGTERM')) await ended
    rmSync(folder, { recursive: true, force: true })
  }
  try {
    await ready
    process.env['QIHANG_TEST_URL'] = url
    process.env['QIHANG_TEST_DATA'] = join(folder, 'data')
    process.env['QIHANG_TEST_LOGINS'] = JSON.stringify(logins(said))
  } catch (error) {
    await stop()
    throw error
  }
  return stop
}
