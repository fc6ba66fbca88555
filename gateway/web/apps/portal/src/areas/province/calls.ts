// The questions that several pages of the province ask, with one key each.
import { api, data, type Schema } from '@qihang/api'
import { useDictionary } from '@qihang/ui'
import { useQuery } from '@tanstack/vue-query'
import { computed, toValue, type ComputedRef, type MaybeRefOrGetter } from 'vue'

export type Employer = Schema<'identity.v1.Employer'>
export type Staff = Schema<'identity.v1.Staff'>

export function useSchool(code: MaybeRefOrGetter<string>) {
  return useQuery({
    queryKey: ['schools', 'one', () => toValue(code)],
    queryFn: () => data(api.GET('/v1/schools/{code}', { params: { path: { code: toValue(code) } } })),
  })
}

export function useEmployer(id: MaybeRefOrGetter<string>) {
  return useQuery({
    queryKey: ['employers', 'one', () => toValue(id)],
    queryFn: () => data(api.GET('/v1/employers/{id}', { params: { path: { id: toValue(id) } } })),
  })
}

/** Cities of the province as options. */
export function useCities(): ComputedRef<{ value: string; label: string }[]> {
  const regions = useDictionary('region_heilongjiang')
  return computed(() => regions.entries.value.filter((entry) => /^\d{4}00$/.test(entry.code ?? '') && entry.code !== '230000').map((entry) => ({ value: entry.code ?? '', label: entry.name ?? '' })))
}
