import { currentAccount } from '@qihang/ui'
import { useRoute, useRouter } from 'vue-router'
import { landing } from './landing'

/** Goes on after a sign-in. */
export function useLanding(): () => Promise<void> {
  const route = useRoute()
  const router = useRouter()
  return async () => {
    await router.push(landing(router, await currentAccount(), route.query['return_to']))
  }
}
