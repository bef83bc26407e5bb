// Loaded into every process of a farm by the story: a planted bug that a signal sets off.
let times = 0;
process.on('SIGUSR2', () => {
  times += 1;
  if (process.title.endsWith('-1')) throw new Error(`planted exception ${times}`);
  void Promise.reject(new Error(`planted rejection ${times}`));
});
