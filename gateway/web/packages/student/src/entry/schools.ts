import { api, data } from '@qihang/api'
import { useQuery } from '@tanstack/vue-query'
import { computed, type ComputedRef } from 'vue'
import type { CodeOption } from '@qihang/ui'

/** The schools to choose from. */
export function useSchools(): { options: ComputedRef<CodeOption[]>; loading: ComputedRef<boolean> } {
  const query = useQuery({ queryKey: ['schools'], queryFn: () => data(api.GET('/v1/schools')), staleTime: Number.POSITIVE_INFINITY })
  return {
    options: computed(() => (query.data.value?.schools ?? []).map((school) => ({ value: school.code, label: school.name, keywords: school.code }))),
    loading: computed(() => query.isPending.value),
  }
}
