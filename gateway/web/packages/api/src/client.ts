import createClient from 'openapi-fetch'
import { noAnswer, Problem, readProblem } from './problem'
import type { components, paths } from './schema'

/** The messages of the contract by name, e.g. `Schema<'contracts.v1.Agreement'>`. */
export type Schema<Name extends keyof components['schemas']> = components['schemas'][Name]

/** Asks the person to prove who they are; false when they would rather not. */
export type Prove = (factors: string[]) => Promise<boolean>

/** What the app tells the client, and what the client tells the app. */
export interface Hooks {
  /** `web` or `h5`: keeps the sessions of the two apart. */
  client: 'web' | 'h5'
  /** Called when a step-up is wanted; the call is repeated after a success. */
  prove?: Prove
  /** Called when the session has ended for good. */
  signedOut?: () => void
}

/** Reasons of a 401 that a refresh of the session can mend. */
const SESSION_OVER = new Set(['TOKEN_EXPIRED', 'TOKEN_MISSING', 'TOKEN_INVALID', 'UNAUTHENTICATED'])
/** Time after which a call without any answer is given up, in milliseconds. */
const PATIENCE = 30_000

let hooks: Hooks = { client: 'web' }

/** Tells the client about the app; once, before the first call. */
export function connect(given: Hooks): void {
  hooks = given
}

function csrf(): string | undefined {
  const pair = document.cookie.split('; ').find((cookie) => cookie.startsWith('qh_csrf='))
  return pair?.slice('qh_csrf='.length)
}

/** True when the browser holds a session, by the one cookie that scripts may read. */
export function hasSession(): boolean {
  return csrf() !== undefined
}

async function send(request: Request): Promise<Response> {
  request.headers.set('x-qihang-client', hooks.client)
  const token = csrf()
  if (token !== undefined && request.method !== 'GET') request.headers.set('x-csrf-token', token)
  const patience = request.headers.get('content-type')?.includes('json') === false ? PATIENCE * 10 : PATIENCE
  try {
    return await fetch(request, { credentials: 'same-origin', signal: AbortSignal.any([request.signal, AbortSignal.timeout(patience)]) })
  } catch (error) {
    if (request.signal.aborted) throw error
    throw noAnswer()
  }
}

let refreshing: Promise<boolean> | undefined

/** Gets the next tokens; one try at a time in all tabs, since a refresh token works once. */
function refresh(): Promise<boolean> {
  refreshing ??= alone('qihang.refresh', async () => {
    const request = new Request('/v1/sessions:refresh', {
      method: 'POST',
      headers: { 'content-type': 'application/json' },
      body: JSON.stringify({ requestId: crypto.randomUUID() }),
    })
    const answer = await send(request)
    // 412: another tab was first, and its cookies are ours too.
    return answer.ok || answer.status === 412
  }).finally(() => {
    refreshing = undefined
  })
  return refreshing
}

function alone<T>(name: string, work: () => Promise<T>): Promise<T> {
  return 'locks' in navigator ? (navigator.locks.request(name, work) as Promise<T>) : work()
}

/** Sends a call, mends its session once, and proves who asks once, where that helps. */
async function call(request: Request): Promise<Response> {
  const again = request.clone()
  let answer = await send(request)
  if (answer.ok) return answer
  let problem = await readProblem(answer)
  let next = again
  if (problem.status === 401 && SESSION_OVER.has(problem.code) && !request.url.includes('/v1/sessions:')) {
    next = again.clone()
    if (!hasSession() || !(await refresh())) {
      hooks.signedOut?.()
      throw problem
    }
    answer = await send(again)
    if (answer.ok) return answer
    problem = await readProblem(answer)
  }
  if (problem.code === 'STEP_UP_REQUIRED' && hooks.prove !== undefined) {
    const factors = (problem.metadata['factors'] ?? '').split(',').filter((factor) => factor !== '')
    if (await hooks.prove(factors)) {
      answer = await send(next)
      if (answer.ok) return answer
      problem = await readProblem(answer)
    }
  }
  throw problem
}

const client = createClient<paths>({ fetch: call, headers: { accept: 'application/json' } })

type Answer<T> = T extends { data?: infer D } ? Exclude<D, undefined> : never

/** Unwraps an answer: the client throws a `Problem` for everything that is no success. */
export async function data<T extends { data?: unknown }>(answer: Promise<T>): Promise<Answer<T>> {
  return (await answer).data as Answer<T>
}

/** The calls of the suite, typed by the contract: `await data(api.GET('/v1/account'))`. */
export const api = client

/** A call whose bytes the page wants as they are, e.g. a document. */
export async function fetchBlob(path: string): Promise<Blob> {
  const answer = await call(new Request(path))
  return answer.blob()
}

/** Sends bytes as they are; `progress` hears the part that is done, 0 to 1. */
export function putBytes(path: string, bytes: Blob, progress?: (done: number) => void): Promise<void> {
  return new Promise((resolve, reject) => {
    const request = new XMLHttpRequest()
    request.open('PUT', path)
    request.setRequestHeader('content-type', bytes.type || 'application/octet-stream')
    request.setRequestHeader('x-qihang-client', hooks.client)
    const token = csrf()
    if (token !== undefined) request.setRequestHeader('x-csrf-token', token)
    request.upload.onprogress = (event) => {
      if (event.lengthComputable) progress?.(event.loaded / event.total)
    }
    request.onerror = () => reject(noAnswer())
    request.onload = () => {
      if (request.status < 300) return resolve()
      readProblem(new Response(request.responseText, { status: request.status })).then(reject, reject)
    }
    request.send(bytes)
  })
}

/** A key that makes one act safe to repeat. */
export function requestId(): string {
  return crypto.randomUUID()
}

export { Problem }
