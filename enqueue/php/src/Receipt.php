<?php

declare(strict_types=1);

namespace Pilotsync;

/**
 * The result of one change.
 *
 * @property-read string $taskId asynq's id of the task; empty if it may not be on the queue. It is made when it is read,
 *                               so that a batch of a hundred thousand needs less memory.
 */
final class Receipt implements \JsonSerializable
{
    /** @var string */
    public $appId;
    /** @var string in canonical form */
    public $domain;
    /** @var int order number within the app; 0 if none was taken */
    public $seq;
    /** @var bool */
    private $enqueued;

    public function __construct(string $appId, string $domain, int $seq, bool $enqueued)
    {
        $this->appId = $appId;
        $this->domain = $domain;
        $this->seq = $seq;
        $this->enqueued = $enqueued;
    }

    /** asynq's id of a change's task. */
    public static function id(string $appId, string $domain, int $seq): string
    {
        return 'change:' . $appId . ':' . $domain . ':' . $seq;
    }

    /** @return string */
    public function __get(string $name)
    {
        if ($name !== 'taskId') {
            throw new \LogicException('a receipt has no ' . $name);
        }
        return $this->enqueued ? self::id($this->appId, $this->domain, $this->seq) : '';
    }

    public function __isset(string $name): bool
    {
        return $name === 'taskId';
    }

    /** @return array{appId: string, domain: string, seq: int, taskId: string} */
    public function jsonSerialize(): array
    {
        return ['appId' => $this->appId, 'domain' => $this->domain, 'seq' => $this->seq, 'taskId' => $this->taskId];
    }
}
