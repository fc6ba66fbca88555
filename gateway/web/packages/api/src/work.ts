import { api, data, putBytes, requestId, type Schema } from './client'
import { Problem } from './problem'

export type FilePurpose = Schema<'documents.v1.FilePurpose'>
export type StoredFile = Schema<'documents.v1.File'>

/** Sends a file for one purpose and answers its facts once it is checked. Throws a `Problem` when it is refused. */
export async function upload(purpose: FilePurpose, file: File, progress?: (done: number) => void): Promise<StoredFile> {
  const opened = await data(
    api.POST('/v1/uploads', {
      body: { purpose, fileName: file.name.slice(-128), sizeBytes: String(file.size), requestId: requestId() },
    }),
  )
  await putBytes(`/v1/uploads/${opened.id}`, file, progress)
  const stored = await data(api.GET('/v1/files/{id}', { params: { path: { id: opened.id ?? '' } } }))
  if (stored.state === 'STATE_REJECTED') throw new Problem(422, 'FILE_REJECTED', stored.rejectReason ?? '')
  return stored
}

/** Waits between two looks at a long work, in milliseconds. */
const LOOK = 1_000

/** Looks at a long work until it has ended; `seen` hears each state of it. Ends early when `signal` does. */
export async function follow<T extends { done?: boolean }>(
  look: () => Promise<T>,
  seen: (state: T) => void,
  signal?: AbortSignal,
): Promise<T> {
  for (;;) {
    const state = await look()
    seen(state)
    if (state.done === true || signal?.aborted === true) return state
    await new Promise((resolve) => setTimeout(resolve, LOOK))
  }
}
