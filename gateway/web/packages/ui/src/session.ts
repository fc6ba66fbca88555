// Who is signed in. The account is the one answer of the server; nothing of it is kept in the browser.
import { api, data, hasSession, type Schema } from '@qihang/api'
import { QueryClient, useQuery, useQueryClient } from '@tanstack/vue-query'
import { computed, type ComputedRef } from 'vue'

export type Account = Schema<'identity.v1.Account'>
export type RoleName = 'STUDENT' | 'EMPLOYER' | 'DEPARTMENT' | 'SCHOOL' | 'PROVINCE'

const KEY = ['account'] as const

async function fetchAccount(): Promise<Account | null> {
  if (!hasSession()) return null
  return data(api.GET('/v1/account'))
}

/** One store of answers a page; what staff decide on is asked for again whenever they come back to it. */
export const queries = new QueryClient({
  defaultOptions: {
    queries: {
      staleTime: 15_000,
      // Refusals are answers; only the lack of one is tried again.
      retry: (count, error) => count < 2 && (error as { status?: number }).status === 0,
    },
  },
})

/** The account for guards of routes, asked for once. A session that has ended counts as none. */
export async function currentAccount(): Promise<Account | null> {
  try {
    return await queries.ensureQueryData({ queryKey: KEY, queryFn: fetchAccount })
  } catch (error) {
    if ((error as { status?: number }).status === 401) return null
    throw error
  }
}

export function roleOf(account: Account | null | undefined): RoleName | undefined {
  return account?.role === undefined ? undefined : (account.role.replace('ROLE_', '') as RoleName)
}

interface Session {
  account: ComputedRef<Account | null>
  role: ComputedRef<RoleName | undefined>
  /** Takes over a session that was just opened. */
  entered: (account: Account | undefined) => Promise<void>
  signOut: () => Promise<void>
  /** Reads the account again. */
  reload: () => Promise<void>
}

export function useSession(): Session {
  const client = useQueryClient()
  const query = useQuery({ queryKey: KEY, queryFn: fetchAccount, staleTime: 60_000 })
  const account = computed(() => query.data.value ?? null)
  /** What was answered to somebody else is forgotten. The account itself stays: the shell looks at it. */
  function forget(): void {
    client.removeQueries({ predicate: (other) => other.queryKey[0] !== KEY[0] })
  }
  return {
    account,
    role: computed(() => roleOf(account.value)),
    async entered(entering) {
      forget()
      if (entering !== undefined) client.setQueryData(KEY, entering)
      else await client.fetchQuery({ queryKey: KEY, queryFn: fetchAccount })
    },
    async signOut() {
      try {
        await api.POST('/v1/sessions:logout', { body: {} })
      } finally {
        forget()
        client.setQueryData(KEY, null)
      }
    },
    async reload() {
      await client.invalidateQueries({ queryKey: KEY })
    },
  }
}
