// Lists page by key: the server gives a token for what comes next. Filters live in the address, so that a list can be
// sent to somebody, gone back to and reloaded.
import { useInfiniteQuery, type QueryKey } from '@tanstack/vue-query'
import { computed, toValue, type ComputedRef, type MaybeRefOrGetter } from 'vue'
import { useRoute, useRouter } from 'vue-router'

interface Page<Item> {
  items: Item[]
  nextPageToken: string
}

export interface List<Item> {
  items: ComputedRef<Item[]>
  error: ComputedRef<unknown>
  loading: ComputedRef<boolean>
  loadingMore: ComputedRef<boolean>
  hasMore: ComputedRef<boolean>
  more: () => Promise<unknown>
  reload: () => Promise<unknown>
}

/** A list of the server: `fetch` gets one page by its token. */
export function useList<Item>(key: MaybeRefOrGetter<QueryKey>, fetch: (pageToken: string) => Promise<Page<Item>>, enabled: MaybeRefOrGetter<boolean> = true): List<Item> {
  const query = useInfiniteQuery({
    queryKey: computed(() => toValue(key)),
    queryFn: ({ pageParam }) => fetch(pageParam),
    initialPageParam: '',
    getNextPageParam: (last) => (last.nextPageToken === '' ? undefined : last.nextPageToken),
    enabled: () => toValue(enabled),
  })
  return {
    items: computed(() => query.data.value?.pages.flatMap((page) => page.items) ?? []),
    error: computed(() => query.error.value),
    loading: computed(() => query.isPending.value && query.fetchStatus.value !== 'idle'),
    loadingMore: computed(() => query.isFetchingNextPage.value),
    hasMore: computed(() => query.hasNextPage.value),
    more: () => query.fetchNextPage(),
    reload: () => query.refetch(),
  }
}

/** Filters of a page as texts in its address. Setting an empty text takes the filter away. */
export function useFilters<Name extends string>(names: readonly Name[]): Record<Name, string> {
  const route = useRoute()
  const router = useRouter()
  const filters = {} as Record<Name, string>
  for (const name of names) {
    Object.defineProperty(filters, name, {
      enumerable: true,
      get: () => {
        const value = route.query[name]
        return typeof value === 'string' ? value : ''
      },
      set: (value: string) => {
        const query = { ...route.query }
        if (value === '') delete query[name]
        else query[name] = value
        void router.replace({ query })
      },
    })
  }
  return filters
}
