import type { components } from './schema'

/** What is wrong with one field: its path by JSON names, the text for people, the stable reason. */
export interface FieldProblem {
  field: string
  message: string
  code: string
}

/** An answer that refuses (RFC 9457), or the lack of any answer. */
export class Problem extends Error {
  override readonly name = 'Problem'

  constructor(
    /** HTTP status; 0 when no answer came. */
    readonly status: number,
    /** Stable upper-snake reason. */
    readonly code: string,
    /** What went wrong and the way out, in Chinese. */
    readonly detail: string,
    readonly fields: readonly FieldProblem[] = [],
    /** Number to name to the help desk. */
    readonly traceId = '',
    /** Facts for programs. */
    readonly metadata: Readonly<Record<string, string>> = {},
    /** Seconds to wait before trying again. */
    readonly retryAfter: number | undefined = undefined,
  ) {
    super(detail || code)
  }

  /** True when nothing was reached: no network, or the answer came too late. */
  get offline(): boolean {
    return this.status === 0
  }
}

/** The answer that never came. */
export function noAnswer(): Problem {
  return new Problem(0, 'OFFLINE', '')
}

/** Reads a refusal. A body that is no problem document, e.g. of a proxy in between, keeps only its status. */
export async function readProblem(response: Response): Promise<Problem> {
  const retry = Number(response.headers.get('retry-after') ?? NaN)
  const retryAfter = Number.isFinite(retry) ? retry : undefined
  try {
    const body = (await response.clone().json()) as components['schemas']['Problem'] & {
      fields?: FieldProblem[]
      metadata?: Record<string, string>
    }
    return new Problem(
      response.status,
      body.code ?? 'UNKNOWN',
      body.detail ?? '',
      body.fields ?? [],
      body.trace_id ?? '',
      body.metadata ?? {},
      retryAfter,
    )
  } catch {
    return new Problem(response.status, 'UNKNOWN', '', [], response.headers.get('x-trace-id') ?? '', {}, retryAfter)
  }
}
