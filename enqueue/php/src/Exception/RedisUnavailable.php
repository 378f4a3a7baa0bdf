<?php

declare(strict_types=1);

namespace Pilotsync\Exception;

/** Redis can't be reached, doesn't answer in time, or isn't ready: a retry may succeed. */
final class RedisUnavailable extends NotEnqueued
{
}
