#!lua flags=allow-oom
-- The same, for batches without an admission: what is under way ends even when memory is full.
--#include batch.lua
