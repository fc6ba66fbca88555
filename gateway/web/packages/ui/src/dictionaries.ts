// Code tables of the suite, read once and kept while the page is open.
import { api, data, type Schema } from '@qihang/api'
import { useQuery } from '@tanstack/vue-query'
import { computed, toValue, type ComputedRef, type MaybeRefOrGetter } from 'vue'

export type Entry = Schema<'identity.v1.Dictionary.Entry'>

export function useDictionary(name: MaybeRefOrGetter<string>): { entries: ComputedRef<Entry[]>; loading: ComputedRef<boolean>; error: ComputedRef<unknown>; nameOf: (code: string | undefined) => string } {
  const query = useQuery({
    queryKey: computed(() => ['dictionary', toValue(name)]),
    queryFn: () => data(api.GET('/v1/dictionaries/{name}', { params: { path: { name: toValue(name) } } })),
    staleTime: Number.POSITIVE_INFINITY,
    enabled: () => toValue(name) !== '',
  })
  const entries = computed(() => query.data.value?.entries ?? [])
  const names = computed(() => new Map(entries.value.map((entry) => [entry.code ?? '', entry.name ?? ''])))
  return {
    entries,
    loading: computed(() => query.isPending.value),
    error: computed(() => query.error.value),
    nameOf: (code) => names.value.get(code ?? '') ?? code ?? '',
  }
}
