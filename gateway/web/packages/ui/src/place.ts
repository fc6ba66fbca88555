// Where a list opens beside its box: below, or above where there is more room.

/** As styles want it. */
export type Place = {
  left: string
  width: string
  maxHeight: string
  top?: string
  bottom?: string
}

/** Between box and list, and between list and the window's edge, in pixels. */
const GAP = 4
/** Room that is enough, in pixels. */
const ENOUGH = 240
const MOST = 320

export function placeBeside(box: { left: number; top: number; bottom: number; width: number }, height: number): Place {
  const [below, above] = [height - box.bottom - 2 * GAP, box.top - 2 * GAP]
  const up = below < ENOUGH && above > below
  return {
    left: `${box.left}px`,
    width: `${box.width}px`,
    maxHeight: `${Math.max(96, Math.min(MOST, up ? above : below))}px`,
    ...(up ? { bottom: `${height - box.top + GAP}px` } : { top: `${box.bottom + GAP}px` }),
  }
}
