-- Viral Dashboard: the 15 tables of its seeds and api_usage. Ids are text, since mock ids are no UUIDs. A tenant's rows
-- are known by tenant and id together: with the id alone, one tenant's save could overwrite another's row.

CREATE TABLE tenants (
  id text PRIMARY KEY,
  name text NOT NULL,
  subscription_tier text NOT NULL DEFAULT 'FREE' CHECK (subscription_tier IN ('FREE', 'STARTER', 'PRO', 'AGENCY')),
  subscription_status text,
  stripe_customer_id text UNIQUE,
  stripe_subscription_id text UNIQUE,
  monthly_quota integer NOT NULL DEFAULT 10,
  used_quota integer NOT NULL DEFAULT 0,
  quota_reset_at timestamptz,
  created_at timestamptz NOT NULL DEFAULT now()
);

CREATE TABLE users (
  tenant_id text NOT NULL REFERENCES tenants (id) ON DELETE CASCADE,
  id text NOT NULL,
  clerk_id text NOT NULL UNIQUE,
  email text NOT NULL UNIQUE,
  name text,
  role text NOT NULL DEFAULT 'member',
  api_key text UNIQUE,
  api_key_hash text,
  created_at timestamptz NOT NULL DEFAULT now(),
  PRIMARY KEY (tenant_id, id)
);

CREATE TABLE generations (
  tenant_id text NOT NULL REFERENCES tenants (id) ON DELETE CASCADE,
  id text NOT NULL,
  -- A stored generation may lack it: Dexie only left such a row out of its index.
  date timestamptz,
  concepts jsonb NOT NULL DEFAULT '[]',
  trends jsonb NOT NULL DEFAULT '[]',
  is_favorite boolean NOT NULL DEFAULT false,
  PRIMARY KEY (tenant_id, id)
);
CREATE INDEX generations_date_idx ON generations (tenant_id, date DESC, id DESC);
CREATE INDEX generations_favorite_idx ON generations (tenant_id, date DESC) WHERE is_favorite;

CREATE TABLE videos (
  tenant_id text NOT NULL REFERENCES tenants (id) ON DELETE CASCADE,
  id text NOT NULL,
  generation_id text,
  concept_id text NOT NULL,
  provider text NOT NULL,
  status text NOT NULL DEFAULT 'pending',
  url text,
  duration_seconds integer,
  cost numeric(10,4),
  error text,
  created_at timestamptz NOT NULL DEFAULT now(),
  completed_at timestamptz,
  PRIMARY KEY (tenant_id, id),
  FOREIGN KEY (tenant_id, generation_id) REFERENCES generations (tenant_id, id) ON DELETE SET NULL (generation_id)
);

CREATE TABLE social_accounts (
  tenant_id text NOT NULL REFERENCES tenants (id) ON DELETE CASCADE,
  id text NOT NULL,
  platform text NOT NULL,
  username text NOT NULL,
  access_token text,
  refresh_token text,
  expires_at timestamptz,
  is_active boolean NOT NULL DEFAULT true,
  created_at timestamptz NOT NULL DEFAULT now(),
  PRIMARY KEY (tenant_id, id),
  UNIQUE (tenant_id, platform, username)
);

CREATE TABLE social_posts (
  tenant_id text NOT NULL REFERENCES tenants (id) ON DELETE CASCADE,
  id text NOT NULL,
  social_account_id text NOT NULL,
  video_id text,
  platform_post_id text,
  caption text NOT NULL,
  hashtags text[] NOT NULL DEFAULT '{}',
  status text NOT NULL DEFAULT 'scheduled',
  scheduled_at timestamptz,
  posted_at timestamptz,
  PRIMARY KEY (tenant_id, id),
  FOREIGN KEY (tenant_id, social_account_id) REFERENCES social_accounts (tenant_id, id) ON DELETE CASCADE,
  FOREIGN KEY (tenant_id, video_id) REFERENCES videos (tenant_id, id) ON DELETE SET NULL (video_id)
);

-- Not unique by concept: one concept may be reported more than once.
CREATE TABLE performance_feedback (
  tenant_id text NOT NULL REFERENCES tenants (id) ON DELETE CASCADE,
  id text NOT NULL,
  concept_id text NOT NULL,
  concept_title text NOT NULL,
  category text NOT NULL,
  platform text NOT NULL,
  variant_id text,
  views bigint NOT NULL DEFAULT 0,
  likes bigint NOT NULL DEFAULT 0,
  shares bigint NOT NULL DEFAULT 0,
  comments bigint NOT NULL DEFAULT 0,
  saves bigint,
  click_through_rate numeric(10,4),
  watch_time_seconds numeric(12,3),
  engagement_rate numeric(10,4) NOT NULL,
  reported_at timestamptz NOT NULL,
  PRIMARY KEY (tenant_id, id)
);
CREATE INDEX performance_feedback_concept_idx ON performance_feedback (tenant_id, concept_id);
CREATE INDEX performance_feedback_reported_idx ON performance_feedback (tenant_id, reported_at DESC);

CREATE TABLE analytics_snapshots (
  tenant_id text NOT NULL REFERENCES tenants (id) ON DELETE CASCADE,
  id text NOT NULL,
  social_post_id text NOT NULL,
  views bigint NOT NULL DEFAULT 0,
  likes bigint NOT NULL DEFAULT 0,
  shares bigint NOT NULL DEFAULT 0,
  comments bigint NOT NULL DEFAULT 0,
  engagement_rate numeric(10,4),
  taken_at timestamptz NOT NULL DEFAULT now(),
  PRIMARY KEY (tenant_id, id),
  FOREIGN KEY (tenant_id, social_post_id) REFERENCES social_posts (tenant_id, id) ON DELETE CASCADE
);

CREATE TABLE self_critiques (
  tenant_id text NOT NULL REFERENCES tenants (id) ON DELETE CASCADE,
  id text NOT NULL,
  -- No foreign key: concepts live inside generations.
  concept_id text NOT NULL,
  performance_gap jsonb NOT NULL,
  critique text NOT NULL,
  hypothesized_reasons text[] NOT NULL DEFAULT '{}',
  scoring_issues text[] NOT NULL DEFAULT '{}',
  adjustment_plan text NOT NULL,
  confidence_level text NOT NULL CHECK (confidence_level IN ('low', 'medium', 'high')),
  created_at timestamptz NOT NULL DEFAULT now(),
  applied_at timestamptz,
  PRIMARY KEY (tenant_id, id)
);
CREATE INDEX self_critiques_concept_idx ON self_critiques (tenant_id, concept_id);
CREATE INDEX self_critiques_created_idx ON self_critiques (tenant_id, created_at DESC);
CREATE INDEX self_critiques_unapplied_idx ON self_critiques (tenant_id, created_at DESC) WHERE applied_at IS NULL;

CREATE TABLE reflexion_insights (
  tenant_id text NOT NULL REFERENCES tenants (id) ON DELETE CASCADE,
  id text NOT NULL,
  category text NOT NULL,
  platform text NOT NULL,
  pattern text NOT NULL,
  evidence_count integer NOT NULL DEFAULT 1,
  impact text NOT NULL CHECK (impact IN ('positive', 'negative', 'neutral')),
  recommendation text NOT NULL,
  applied_to_scoring boolean NOT NULL DEFAULT false,
  discovered_at timestamptz NOT NULL DEFAULT now(),
  last_seen_at timestamptz NOT NULL DEFAULT now(),
  PRIMARY KEY (tenant_id, id),
  UNIQUE (tenant_id, category, platform, pattern)
);
CREATE INDEX reflexion_insights_seen_idx ON reflexion_insights (tenant_id, last_seen_at DESC);

CREATE TABLE scoring_adjustments (
  tenant_id text NOT NULL REFERENCES tenants (id) ON DELETE CASCADE,
  id text NOT NULL,
  category text NOT NULL,
  adjustment_type text NOT NULL
    CHECK (adjustment_type IN ('category-weight', 'hook-effectiveness', 'platform-multiplier', 'recency-boost')),
  old_value numeric(10,4) NOT NULL,
  new_value numeric(10,4) NOT NULL,
  reason text NOT NULL,
  critique_id text,
  applied_at timestamptz NOT NULL,
  PRIMARY KEY (tenant_id, id),
  FOREIGN KEY (tenant_id, critique_id) REFERENCES self_critiques (tenant_id, id) ON DELETE SET NULL (critique_id)
);
CREATE INDEX scoring_adjustments_applied_idx ON scoring_adjustments (tenant_id, applied_at DESC);
CREATE INDEX scoring_adjustments_critique_idx ON scoring_adjustments (tenant_id, critique_id);

-- The same for all tenants.
CREATE TABLE audio_trends (
  id text PRIMARY KEY,
  platform text NOT NULL,
  sound_id text NOT NULL,
  title text NOT NULL,
  artist text,
  usage_count bigint NOT NULL DEFAULT 0,
  score numeric(10,4),
  discovered_at timestamptz NOT NULL DEFAULT now(),
  UNIQUE (platform, sound_id)
);

CREATE TABLE competitor_videos (
  tenant_id text NOT NULL REFERENCES tenants (id) ON DELETE CASCADE,
  id text NOT NULL,
  platform text NOT NULL,
  platform_video_id text NOT NULL,
  username text NOT NULL,
  title text,
  metrics jsonb NOT NULL DEFAULT '{}',
  analysed_at timestamptz NOT NULL DEFAULT now(),
  PRIMARY KEY (tenant_id, id),
  UNIQUE (tenant_id, platform, platform_video_id)
);

CREATE TABLE job_queue (
  id text PRIMARY KEY,
  -- Jobs of the system itself have none.
  tenant_id text REFERENCES tenants (id) ON DELETE CASCADE,
  type text NOT NULL,
  payload jsonb NOT NULL DEFAULT '{}',
  status text NOT NULL DEFAULT 'pending',
  attempts integer NOT NULL DEFAULT 0,
  last_error text,
  run_at timestamptz NOT NULL DEFAULT now(),
  created_at timestamptz NOT NULL DEFAULT now()
);
CREATE INDEX job_queue_due_idx ON job_queue (run_at) WHERE status = 'pending';

CREATE TABLE system_metrics (
  id text PRIMARY KEY,
  name text NOT NULL,
  value numeric(18,4) NOT NULL,
  tags jsonb NOT NULL DEFAULT '{}',
  recorded_at timestamptz NOT NULL DEFAULT now()
);

CREATE TABLE api_usage (
  tenant_id text NOT NULL REFERENCES tenants (id) ON DELETE CASCADE,
  id text NOT NULL,
  endpoint text NOT NULL,
  method text NOT NULL,
  status_code integer,
  duration_ms integer,
  used_at timestamptz NOT NULL DEFAULT now(),
  PRIMARY KEY (tenant_id, id)
);
CREATE INDEX api_usage_used_idx ON api_usage (tenant_id, used_at DESC);
