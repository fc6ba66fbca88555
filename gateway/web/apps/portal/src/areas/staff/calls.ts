// The questions that pages of several roles ask, with one key each.
import { api, data, type Schema } from '@qihang/api'
import { useSession } from '@qihang/ui'
import { useQuery } from '@tanstack/vue-query'
import { computed, toValue, type ComputedRef, type MaybeRefOrGetter } from 'vue'

export type School = Schema<'identity.v1.School'>

/** Every school of the province: there are some eighty, so they are read at once. */
export function useSchools(enabled: MaybeRefOrGetter<boolean> = true) {
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
    enabled: () => toValue(enabled),
  })
}

/** A school's name by its code; the code where it is not known. */
export function useSchoolName(enabled: MaybeRefOrGetter<boolean> = true): (code: string) => string {
  const schools = useSchools(enabled)
  const names = computed(() => new Map((schools.data.value ?? []).map((school) => [school.code, school.name])))
  return (code) => names.value.get(code) ?? code
}

/** The caller's school; empty while nobody knows, and for who belongs to none. */
export function useSchoolCode(): ComputedRef<string> {
  const { account } = useSession()
  return computed(() => account.value?.schoolCode ?? '')
}

/** The departments that the roster of the caller's school names. */
export function useDepartments() {
  const code = useSchoolCode()
  return useQuery({
    queryKey: ['school', 'departments', code],
    queryFn: () => data(api.GET('/v1/schools/{code}/departments', { params: { path: { code: code.value } } })),
    enabled: () => code.value !== '',
    staleTime: 300_000,
  })
}
