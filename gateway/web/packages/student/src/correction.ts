// How a correction is sent, and how the server's complaints find back to its fields.

export function evidenceName(field: string): string {
  return `evidence_${field}`
}

export function correctedFields(chosen: readonly string[], values: Readonly<Record<string, string>>) {
  return chosen.map((field) => {
    const evidence = values[evidenceName(field)] ?? ''
    return { field, value: (values[field] ?? '').trim(), evidenceFileIds: evidence === '' ? [] : [evidence] }
  })
}

/** `fields[1].value` is the second chosen field; its evidence has a field of its own. */
export function fieldOfCorrection(path: string, chosen: readonly string[]): string | undefined {
  const place = /fields\[(\d+)\](?:\.(\w+))?/.exec(path)
  const name = place === null ? undefined : chosen[Number(place[1])]
  if (name === undefined) return undefined
  return place?.[2] === 'evidenceFileIds' ? evidenceName(name) : name
}
