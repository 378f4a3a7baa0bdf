<?php

declare(strict_types=1);

namespace Pilotsync;

/** The result of one change. */
final class Receipt
{
    /** @var string */
    public $appId;
    /** @var string in canonical form */
    public $domain;
    /** @var int order number within the app; 0 if none was taken */
    public $seq;
    /** @var string asynq's id of the task; empty if it may not be on the queue */
    public $taskId = '';

    public function __construct(string $appId, string $domain, int $seq)
    {
        $this->appId = $appId;
        $this->domain = $domain;
        $this->seq = $seq;
    }

    /** asynq's id of a change's task. */
    public static function id(string $appId, string $domain, int $seq): string
    {
        return 'change:' . $appId . ':' . $domain . ':' . $seq;
    }
}
