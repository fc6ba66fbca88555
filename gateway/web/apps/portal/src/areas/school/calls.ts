// The questions that several pages of a school ask, with one key each.
import { api, data } from '@qihang/api'
import { useQuery } from '@tanstack/vue-query'

export function useReviewCounts() {
  return useQuery({ queryKey: ['reviews', 'count'], queryFn: () => data(api.GET('/v1/reviews:count')) })
}
