// How a sheet of offers is checked and sent: checked as a whole, sent piece by piece. Every piece keeps its key until all are
// sent, so that a break is gone on from and nobody is invited twice.
import { api, data, requestId, type Schema } from '@qihang/api'
import { computed, ref, watch, type ComputedRef, type Ref } from 'vue'
import { base64, CHUNK, numbered, pieces, type Cells, type Outcome } from './bulk'
import type { TermsValues } from './terms'
import { termsBody } from './terms'

export interface BulkValues extends TermsValues {
  validDays: string
  rows: Cells[]
  /** Keys of the pieces that are being sent; none before. */
  requestIds: string[]
  /** Fingerprint of what these keys are for: other rows are other acts. */
  requestFor: string
}

export interface Sheet {
  name: string
  /** Base64. */
  bytes: string
}

type Answer = Schema<'contracts.v1.BulkOfferResponse'>

export interface Bulk {
  /** What the check said of each row; none while it is not checked as it stands. */
  report: Ref<Outcome[] | undefined>
  outcomes: Ref<Outcome[]>
  failure: Ref<unknown>
  busy: Ref<'' | 'check' | 'send'>
  done: Ref<number>
  total: ComputedRef<number>
  finished: ComputedRef<boolean>
  check: () => Promise<void>
  send: () => Promise<void>
}

async function fingerprint(...parts: unknown[]): Promise<string> {
  const hash = await crypto.subtle.digest('SHA-256', new TextEncoder().encode(JSON.stringify(parts)))
  return base64(new Uint8Array(hash))
}

export function useBulk(values: BulkValues, file: Ref<Sheet | undefined>): Bulk {
  const report = ref<Outcome[]>()
  const outcomes = ref<Outcome[]>([])
  const failure = ref<unknown>()
  const busy = ref<'' | 'check' | 'send'>('')
  const done = ref(0)
  const sheets = (size: number): string[] => (file.value === undefined ? pieces(values.rows, size) : [file.value.bytes])
  const total = computed(() => sheets(CHUNK).length)
  const finished = computed(() => total.value > 0 && done.value === total.value)

  function ask(sheet: string, key: string, dryRun: boolean): Promise<Answer> {
    const validDays = values.validDays === '' ? 0 : Number(values.validDays)
    return data(api.POST('/v1/agreements:bulkOffer', { body: { sheet, terms: termsBody(values), validDays, dryRun, requestId: key } }))
  }
  async function work(name: 'check' | 'send', run: () => Promise<void>): Promise<void> {
    busy.value = name
    failure.value = undefined
    try {
      await run()
    } catch (problem) {
      failure.value = problem
    } finally {
      busy.value = ''
    }
  }
  const check = (): Promise<void> =>
    work('check', async () => {
      const [sheet] = sheets(Number.MAX_SAFE_INTEGER)
      if (sheet !== undefined) report.value = (await ask(sheet, requestId(), true)).rows
    })
  const send = (): Promise<void> =>
    work('send', async () => {
      const all = sheets(CHUNK)
      const print = await fingerprint(termsBody(values), values.validDays, all)
      if (values.requestFor !== print) Object.assign(values, { requestFor: print, requestIds: all.map(() => requestId()) })
      for (let piece = done.value; piece < all.length; piece++) {
        const answer = await ask(all[piece] ?? '', values.requestIds[piece] ?? '', false)
        outcomes.value = [...outcomes.value, ...numbered(answer.rows, piece, CHUNK)]
        done.value = piece + 1
      }
    })
  // What was checked is not what stands here any more.
  watch([() => JSON.stringify([termsBody(values), values.rows, values.validDays]), file], () => {
    report.value = undefined
    outcomes.value = []
    done.value = 0
  })
  return { report, outcomes, failure, busy, done, total, finished, check, send }
}
