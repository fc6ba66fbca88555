export * from './factor'
export * from './routes'
