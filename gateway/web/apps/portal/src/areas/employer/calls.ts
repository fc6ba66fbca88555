// The questions that several pages ask, with one key each, so that an act makes stale what it changes.
import { api, data } from '@qihang/api'
import { useQuery, useQueryClient } from '@tanstack/vue-query'
import { toValue, type MaybeRefOrGetter } from 'vue'

export function useEmployer() {
  return useQuery({ queryKey: ['employer'], queryFn: () => data(api.GET('/v1/employer')) })
}

export function useAgreement(id: MaybeRefOrGetter<string>) {
  return useQuery({
    queryKey: ['agreements', 'one', () => toValue(id)],
    queryFn: () => data(api.GET('/v1/agreements/{id}', { params: { path: { id: toValue(id) } } })),
    enabled: () => toValue(id) !== '',
  })
}

export function useTemplates() {
  return useQuery({ queryKey: ['clauseTemplates'], queryFn: () => data(api.GET('/v1/clauseTemplates')) })
}

/** Makes stale what belongs to one subject. */
export function useChanged(subject: 'agreements' | 'employer' | 'members' | 'clauseTemplates'): () => Promise<void> {
  const client = useQueryClient()
  return () => client.invalidateQueries({ queryKey: [subject] })
}
