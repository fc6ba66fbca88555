import { onScopeDispose, ref, type Ref } from 'vue'

/** The present moment, told anew every `seconds`, while the page that asked is open. */
export function useNow(seconds = 30): Ref<Date> {
  const now = ref(new Date())
  const timer = setInterval(() => (now.value = new Date()), seconds * 1000)
  onScopeDispose(() => clearInterval(timer))
  return now
}
