<?php

declare(strict_types=1);

namespace Pilotsync\Exception;

/** Redis answered with an error, such as a wrong password or no memory left: a person has to look. */
final class RedisRefused extends NotEnqueued
{
}
