import type { components } from '@aibaas/client';
import { useEffect, useState } from 'react';
import { api } from './api';
import { ErrorText } from './form';

type Board = components['schemas']['Leaderboard'];
type Benchmark = { id: string; title: string };

const percent = (share: number | null) => (share === null ? 'unknown' : `${(100 * share).toFixed(1)} %`);

export function Boards() {
  const [benchmarks, setBenchmarks] = useState<Benchmark[]>();
  const [benchmark, setBenchmark] = useState(new URLSearchParams(location.search).get('benchmark') ?? '');
  const [board, setBoard] = useState<Board>();
  const [error, setError] = useState<unknown>();
  useEffect(() => {
    const abort = new AbortController();
    api
      .get('/api/v1/benchmarks', { params: { query: { limit: 100 } }, signal: abort.signal })
      .then(({ data }) => {
        setBenchmarks(data);
        setBenchmark((chosen) => chosen || (data[0]?.id ?? ''));
      })
      .catch((error: unknown) => abort.signal.aborted || setError(error));
    return () => abort.abort();
  }, []);
  useEffect(() => {
    if (benchmark === '') return;
    const abort = new AbortController();
    setError(undefined);
    api
      .get('/api/v1/leaderboard', { params: { query: { benchmark } }, signal: abort.signal })
      .then(setBoard)
      .catch((error: unknown) => abort.signal.aborted || setError(error));
    return () => abort.abort();
  }, [benchmark]);
  return (
    <>
      <h1>Leaderboard</h1>
      <label>
        Benchmark
        <select value={benchmark} onChange={(event) => setBenchmark(event.target.value)}>
          {benchmarks?.map(({ id, title }) => (
            <option key={id} value={id}>
              {title}
            </option>
          ))}
        </select>
      </label>
      <ErrorText error={error} />
      {benchmarks?.length === 0 && <p>Nothing is published yet.</p>}
      {board && (
        <table>
          <caption>Ranks, with the range that the 95 % intervals allow</caption>
          <thead>
            <tr>
              <th scope="col">Rank</th>
              <th scope="col">Range</th>
              <th scope="col">System</th>
              <th scope="col">Score</th>
              <th scope="col">95 % interval</th>
            </tr>
          </thead>
          <tbody>
            {board.data.map((row) => (
              <tr key={row.runId}>
                <td>{row.rank}</td>
                <td>
                  {row.rankLow}–{row.rankHigh}
                </td>
                <td>{row.systemId}</td>
                <td>{percent(row.score)}</td>
                <td>
                  {percent(row.scoreLow)} – {percent(row.scoreHigh)}
                </td>
              </tr>
            ))}
          </tbody>
        </table>
      )}
    </>
  );
}
