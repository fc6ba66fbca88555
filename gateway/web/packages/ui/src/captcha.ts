import { api, data, type Schema } from '@qihang/api'
import ProofWorker from './proof.worker?worker'

export type Captcha = Schema<'identity.v1.Captcha'>

export function newPicture(): Promise<Captcha> {
  return data(api.POST('/v1/captchas', { body: { kind: 'KIND_IMAGE' } }))
}

/** Lets the device work instead of the person's eyes: a captcha and its answer. */
export async function solveByWork(): Promise<{ id: string; answer: string }> {
  const captcha = await data(api.POST('/v1/captchas', { body: { kind: 'KIND_PROOF_OF_WORK' } }))
  const worker = new ProofWorker()
  try {
    const answer = await new Promise<string>((resolve, reject) => {
      worker.onmessage = (event: MessageEvent<string>) => resolve(event.data)
      worker.onerror = () => reject(new Error('the proof of work broke off'))
      worker.postMessage({ challenge: captcha.challenge, difficulty: captcha.difficulty })
    })
    return { id: captcha.id ?? '', answer }
  } finally {
    worker.terminate()
  }
}
