// The questions that several pages ask, with one key each, so that an act makes stale what it changes.
import { api, data } from '@qihang/api'
import type { Agreement } from '@qihang/student/signing.ts'
import { dropDraft, useSession } from '@qihang/ui'
import { useQuery, useQueryClient } from '@tanstack/vue-query'
import { toValue, type MaybeRefOrGetter } from 'vue'
import { formDraft } from './agreement'

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

/** Discards a draft, and what its form keeps on this device. */
export function useDiscard(): (draft: Agreement) => Promise<void> {
  const { account } = useSession()
  return async ({ id, etag }) => {
    await data(api.DELETE('/v1/agreements/{id}', { params: { path: { id }, query: { etag } } }))
    await dropDraft(formDraft(account.value?.id, 'update', id))
  }
}
