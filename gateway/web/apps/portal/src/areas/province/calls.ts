// The questions that several pages of the province ask, with one key each.
import { api, data, type Schema } from '@qihang/api'
import { useDictionary } from '@qihang/ui'
import { useQuery } from '@tanstack/vue-query'
import { computed, toValue, type ComputedRef, type MaybeRefOrGetter } from 'vue'

export type Employer = Schema<'identity.v1.Employer'>
export type School = Schema<'identity.v1.School'>
export type Staff = Schema<'identity.v1.Staff'>

/** Every school of the province: there are some eighty, so they are read at once. */
export function useSchools() {
  return useQuery({
    queryKey: ['schools', 'all'],
    queryFn: async () => {
      const schools: School[] = []
      for (let pageToken = ''; ; ) {
        const page = await data(api.GET('/v1/schools', { params: { query: { pageSize: 100, pageToken } } }))
        schools.push(...page.schools)
        pageToken = page.nextPageToken
        if (pageToken === '') return schools
      }
    },
    staleTime: 300_000,
  })
}

/** A school's name by its code; the code where it is not known. */
export function useSchoolName(): (code: string) => string {
  const schools = useSchools()
  const names = computed(() => new Map((schools.data.value ?? []).map((school) => [school.code, school.name])))
  return (code) => names.value.get(code) ?? code
}

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
