export default {
  aibaas: {
    input: '../../core/openapi.json',
    output: { target: 'generated/orval.ts', client: 'fetch', mode: 'single' },
  },
};
