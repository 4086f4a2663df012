#!lua
--#include batch.lua
