// Proving who one is once more, for what binds people. The client asks here; the host in the app's shell shows the dialog.
import { shallowRef } from 'vue'

interface Request {
  factors: string[]
  settle: (proved: boolean) => void
}

export const wanted = shallowRef<Request>()

export function prove(factors: string[]): Promise<boolean> {
  return new Promise((resolve) => {
    wanted.value = {
      factors,
      settle: (proved) => {
        wanted.value = undefined
        resolve(proved)
      },
    }
  })
}
