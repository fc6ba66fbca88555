// What several pages ask and do in one way: questions with one key each, acts that tell what went wrong.
import { api, data, Problem } from '@qihang/api'
import { problemText, toast, useSession } from '@qihang/ui'
import { useQuery, useQueryClient, type QueryKey } from '@tanstack/vue-query'
import { computed, ref, type ComputedRef, type Ref } from 'vue'

/** The caller's school; empty while nobody knows. */
export function useSchoolCode(): ComputedRef<string> {
  const { account } = useSession()
  return computed(() => account.value?.schoolCode ?? '')
}

/** The departments that the roster names. */
export function useDepartments() {
  const code = useSchoolCode()
  return useQuery({
    queryKey: ['school', 'departments', code],
    queryFn: () => data(api.GET('/v1/schools/{code}/departments', { params: { path: { code: code.value } } })),
    enabled: () => code.value !== '',
    staleTime: 300_000,
  })
}

export function useReviewCounts() {
  return useQuery({ queryKey: ['reviews', 'count'], queryFn: () => data(api.GET('/v1/reviews:count')) })
}

export interface Act {
  /** Name of the act under way; empty for none. */
  busy: Ref<string>
  /** Does it, tells a refusal, and makes stale what it changed; true when it was done. */
  run: (name: string, work: () => Promise<unknown>, done?: string) => Promise<boolean>
}

/** Acts behind buttons; those behind forms tell their refusals in the form. */
export function useAct(stale: () => readonly QueryKey[]): Act {
  const client = useQueryClient()
  const busy = ref('')
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
      void Promise.all(stale().map((queryKey) => client.invalidateQueries({ queryKey })))
    }
  }
  return { busy, run }
}
