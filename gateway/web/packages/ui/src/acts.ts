// Acts behind buttons: one at a time, a refusal is told, and what they changed is asked for again.
import { Problem, type Schema } from '@qihang/api'
import { useQueryClient, type QueryKey } from '@tanstack/vue-query'
import { computed, ref, type Ref, type WritableComputedRef } from 'vue'
import { problemText } from './problems'
import { toast } from './toasts'

export interface Act {
  /** Name of the act under way; empty for none. */
  busy: Ref<string>
  /** Does it; true when it was done. `done` is said then. */
  run: (name: string, work: () => Promise<unknown>, done?: string) => Promise<boolean>
  /** Makes stale what an act changed, for those that a form sends. */
  changed: () => Promise<void>
}

/** Acts that make these questions stale. Forms tell their refusals themselves. */
export function useAct(...stale: QueryKey[]): Act {
  const client = useQueryClient()
  const busy = ref('')
  async function changed(): Promise<void> {
    await Promise.all(stale.map((queryKey) => client.invalidateQueries({ queryKey })))
  }
  async function run(name: string, work: () => Promise<unknown>, done?: string): Promise<boolean> {
    if (busy.value !== '') return false
    busy.value = name
    try {
      await work()
      if (done !== undefined) toast(done)
      return true
    } catch (failure) {
      if (!(failure instanceof Problem)) throw failure
      toast(problemText(failure), { tone: 'bad' })
      return false
    } finally {
      busy.value = ''
      void changed()
    }
  }
  return { busy, run, changed }
}

/** Whether the server lets the reader do this with a record now. */
export function may(actions: readonly Schema<'common.v1.Action'>[] | undefined, name: string): boolean {
  return actions?.some((action) => action.name === name && action.allowed === true) === true
}

/** Open as long as there is something that it is about; closing forgets that. */
export function openWhile<T>(subject: Ref<T | undefined>): WritableComputedRef<boolean> {
  return computed({
    get: () => subject.value !== undefined,
    set: (to) => {
      if (!to) subject.value = undefined
    },
  })
}
