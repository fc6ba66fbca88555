// Finds the answer to a captcha of work: text such that SHA-256 of the challenge followed by it begins with zero bits.
import { sha256 } from '@noble/hashes/sha2.js'
import { utf8ToBytes } from '@noble/hashes/utils.js'

function zeroBits(hash: Uint8Array): number {
  let bits = 0
  for (const byte of hash) {
    if (byte !== 0) return bits + Math.clz32(byte) - 24
    bits += 8
  }
  return bits
}

self.onmessage = (event: MessageEvent<{ challenge: string; difficulty: number }>) => {
  const { challenge, difficulty } = event.data
  for (let answer = 0; ; answer += 1) {
    if (zeroBits(sha256(utf8ToBytes(challenge + answer))) >= difficulty) {
      self.postMessage(String(answer))
      return
    }
  }
}
