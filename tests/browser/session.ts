// Signing in by the API, as fast as it goes; the walk signs in by the pages.
import { createHash } from 'node:crypto'
import { type BrowserContext, expect } from '@playwright/test'
import { Secret, TOTP } from 'otpauth'
import type { Logins } from './suite'

export type Role = 'student' | 'employer' | 'school' | 'province' | 'nobody'

export const URL = process.env['QIHANG_TEST_URL'] ?? ''
export const LOGINS = JSON.parse(process.env['QIHANG_TEST_LOGINS'] ?? '{}') as Logins

/** Length of a step of an authenticator, in milliseconds; a code is good once. */
const STEP = 30_000
const used = new Map<string, number>()
const step = (): number => Math.floor(Date.now() / STEP)
/** Who wrote the demonstration's data, or ran before a failed test, may have used the codes of this step. */
const FIRST = step()

/** A code of an authenticator that was not used yet; waits for the next step where it was. */
export async function totp(secret: string): Promise<string> {
  while ((used.get(secret) ?? FIRST) === step()) await new Promise((resolve) => setTimeout(resolve, 500))
  used.set(secret, step())
  return new TOTP({ secret: Secret.fromBase32(secret) }).generate()
}

function zeroBits(digest: Buffer): number {
  let bits = 0
  for (const byte of digest) {
    if (byte !== 0) return bits + Math.clz32(byte) - 24
    bits += 8
  }
  return bits
}

/** The answer to a captcha by work. */
function work(challenge: string, difficulty: number): string {
  for (let number = 0; ; number++) {
    if (zeroBits(createHash('sha256').update(`${challenge}${number}`).digest()) >= difficulty) return String(number)
  }
}

/** Does something as whoever is signed in. */
export async function post(context: BrowserContext, path: string, data: object, method: 'POST' | 'PATCH' = 'POST'): Promise<Record<string, unknown>> {
  const answer = await context.request.fetch(URL + path, { method, data, headers: await headers(context) })
  expect(answer.ok(), `${path}: ${answer.status()} ${await answer.text()}`).toBe(true)
  return (await answer.json()) as Record<string, unknown>
}

async function headers(context: BrowserContext): Promise<Record<string, string>> {
  const csrf = (await context.cookies()).find((cookie) => cookie.name.includes('csrf'))?.value ?? ''
  return { 'x-qihang-client': 'web', 'x-csrf-token': csrf, origin: URL }
}

/** Uploads a file for a purpose; gives its id. */
export async function upload(context: BrowserContext, purpose: string, fileName: string, bytes: Buffer): Promise<string> {
  const { id } = await post(context, '/v1/uploads', { purpose, fileName, sizeBytes: String(bytes.length) })
  const answer = await context.request.put(`${URL}/v1/uploads/${String(id)}`, { data: bytes, headers: { ...(await headers(context)), 'content-type': 'image/png' } })
  expect(answer.ok(), `${fileName}: ${answer.status()} ${await answer.text()}`).toBe(true)
  return String(id)
}

/** The proof of work that a call wants as its captcha. */
export async function prove(context: BrowserContext): Promise<{ captchaId: string; captchaAnswer: string }> {
  const made = await post(context, '/v1/captchas', { kind: 'KIND_PROOF_OF_WORK' })
  return { captchaId: String(made['id']), captchaAnswer: work(String(made['challenge']), Number(made['difficulty'])) }
}

/** Signs a browser context in. */
export async function signIn(context: BrowserContext, role: Role): Promise<void> {
  if (role === 'nobody') return
  const proof = await prove(context)
  if (role === 'student') {
    const { school, number, password } = LOGINS.student
    await post(context, '/v1/sessions:loginStudent', { schoolCode: school, studentNumber: number, password, ...proof })
  } else if (role === 'employer') {
    await post(context, '/v1/sessions:loginEmployer', { ...LOGINS.employer, ...proof })
  } else {
    const { login, password, secret } = role === 'school' ? LOGINS.office : LOGINS.province
    await post(context, '/v1/sessions:loginStaff', { login, password, totpCode: await totp(secret), ...proof })
  }
}

/** Reads as whoever is signed in. */
export async function get<T>(context: BrowserContext, path: string): Promise<T> {
  const answer = await context.request.get(URL + path)
  expect(answer.ok(), `${path}: ${answer.status()} ${await answer.text()}`).toBe(true)
  return (await answer.json()) as T
}
