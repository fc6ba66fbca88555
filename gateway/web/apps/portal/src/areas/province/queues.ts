// What waits, as the first page counts it.
export interface Queue {
  /** Message below `province.home.queues`. */
  name: string
  to: string
  count: number | undefined
  /** Since when the longest waiting one does. */
  since?: string | undefined
}

/** The earliest of some moments; undefined when there is none. */
export function oldest(times: readonly (string | undefined)[] | undefined): string | undefined {
  return times?.reduce((first, time) => (time === undefined || (first !== undefined && Date.parse(first) <= Date.parse(time)) ? first : time), undefined)
}
