// The questions that several pages ask, with one key each, so that an act makes stale what it changes.
import { api, data } from '@qihang/api'
import { useSession } from '@qihang/ui'
import { useQuery, useQueryClient } from '@tanstack/vue-query'
import { computed, toValue, type MaybeRefOrGetter } from 'vue'
import { useRouter } from 'vue-router'

export function useRecord() {
  return useQuery({ queryKey: ['record'], queryFn: () => data(api.GET('/v1/roster/mine')) })
}

/** What happened to a record; `reopened` when it came back though it was finished, by no fault of its student's. */
export function useRecordHistory(id: MaybeRefOrGetter<string | undefined>) {
  const history = useQuery({
    queryKey: ['record', 'history', () => toValue(id)],
    queryFn: () => data(api.GET('/v1/students/{studentId}/origin/history', { params: { path: { studentId: toValue(id) ?? '' }, query: { pageSize: 100 } } })),
    enabled: () => toValue(id) !== undefined,
  })
  const reopened = computed(() => history.data.value?.entries.findLast((entry) => ['return', 'reopen'].includes(entry.event))?.event === 'reopen')
  return { history, reopened }
}

/** The newest of the student's offers; nobody has more than a page of them that wait. */
export function useOffers() {
  return useQuery({ queryKey: ['offers', 'newest'], queryFn: () => data(api.GET('/v1/agreements:mine', { params: { query: { pageSize: 100 } } })) })
}

export function useOffer(id: MaybeRefOrGetter<string>) {
  return useQuery({ queryKey: ['offers', 'one', () => toValue(id)], queryFn: () => data(api.GET('/v1/agreements/{id}', { params: { path: { id: toValue(id) } } })) })
}

export function useSlot() {
  return useQuery({ queryKey: ['slot'], queryFn: () => data(api.GET('/v1/destinations/mine')) })
}

export function useMyGuide() {
  return useQuery({ queryKey: ['myGuide'], queryFn: () => data(api.GET('/v1/myGuide')) })
}

export function useCorrections() {
  return useQuery({ queryKey: ['corrections'], queryFn: () => data(api.GET('/v1/corrections', { params: { query: { pageSize: 50 } } })) })
}

/** The windows of the student's graduation year as they count for the school. */
export function useCalendar(cohort: MaybeRefOrGetter<number | undefined>) {
  const { account } = useSession()
  return useQuery({
    queryKey: ['calendar', () => toValue(cohort)],
    queryFn: () =>
      data(api.GET('/v1/calendars/{cohort}', { params: { path: { cohort: toValue(cohort) ?? 0 }, query: { schoolCode: account.value?.schoolCode ?? '' } } })),
    enabled: () => toValue(cohort) !== undefined && account.value !== null,
  })
}

/** Makes stale what signing changes. */
export function useSigningChanged(): () => Promise<void> {
  const client = useQueryClient()
  return async () => {
    await Promise.all([['offers'], ['slot'], ['myGuide']].map((queryKey) => client.invalidateQueries({ queryKey })))
  }
}

/** Addresses of named pages, for parts that want text. */
export function usePath(): (name: string, params?: Record<string, string>) => string {
  const router = useRouter()
  return (name, params) => router.resolve({ name, params: params ?? {} }).fullPath
}
