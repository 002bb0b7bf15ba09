-- Users (for future multi-user support)
CREATE TABLE users (
  id UUID PRIMARY KEY DEFAULT gen_random_uuid(),
  email VARCHAR(255) UNIQUE NOT NULL,
  name VARCHAR(255),
  avatar_url TEXT,
  settings JSONB DEFAULT '{}',
  created_at TIMESTAMP WITH TIME ZONE DEFAULT NOW(),
  updated_at TIMESTAMP WITH TIME ZONE DEFAULT NOW()
);

-- Products
CREATE TABLE products (
  id UUID PRIMARY KEY DEFAULT gen_random_uuid(),
  user_id UUID REFERENCES users(id) ON DELETE CASCADE,
  name VARCHAR(255) NOT NULL,
  description TEXT,
  brand VARCHAR(255),
  category VARCHAR(100),
  price DECIMAL(10,2),
  sku VARCHAR(100),
  url TEXT,
  utm_codes JSONB DEFAULT '{}',
  metadata JSONB DEFAULT '{}',
  settings JSONB DEFAULT '{}',
  status VARCHAR(50) DEFAULT 'active',
  created_at TIMESTAMP WITH TIME ZONE DEFAULT NOW(),
  updated_at TIMESTAMP WITH TIME ZONE DEFAULT NOW()
);

-- Product Images
CREATE TABLE product_images (
  id UUID PRIMARY KEY DEFAULT gen_random_uuid(),
  product_id UUID REFERENCES products(id) ON DELETE CASCADE,
  url TEXT NOT NULL,
  storage_path TEXT,
  file_name VARCHAR(255),
  alt_text TEXT,
  size VARCHAR(20),
  is_primary BOOLEAN DEFAULT false,
  metadata JSONB DEFAULT '{}',
  created_at TIMESTAMP WITH TIME ZONE DEFAULT NOW()
);

-- Background Versions (for product images)
CREATE TABLE background_versions (
  id UUID PRIMARY KEY DEFAULT gen_random_uuid(),
  product_image_id UUID REFERENCES product_images(id) ON DELETE CASCADE,
  url TEXT NOT NULL,
  storage_path TEXT,
  prompt TEXT,
  request_id VARCHAR(255),
  processing_time INTEGER,
  metadata JSONB DEFAULT '{}',
  is_active BOOLEAN DEFAULT false,
  created_at TIMESTAMP WITH TIME ZONE DEFAULT NOW()
);

-- Campaigns
CREATE TABLE campaigns (
  id UUID PRIMARY KEY DEFAULT gen_random_uuid(),
  user_id UUID REFERENCES users(id) ON DELETE CASCADE,
  product_id UUID REFERENCES products(id) ON DELETE SET NULL,
  name VARCHAR(255) NOT NULL,
  type VARCHAR(100),
  status VARCHAR(50) DEFAULT 'draft',
  budget DECIMAL(10,2),
  currency VARCHAR(3) DEFAULT 'USD',
  starts_at TIMESTAMP WITH TIME ZONE,
  ends_at TIMESTAMP WITH TIME ZONE,
  launched_at TIMESTAMP WITH TIME ZONE,
  
  -- Campaign Configuration
  audience_config JSONB DEFAULT '{}',
  platform_config JSONB DEFAULT '{}',
  creative_config JSONB DEFAULT '{}',
  publish_config JSONB DEFAULT '{}',
  
  -- Legacy Support
  legacy_data JSONB DEFAULT '{}',
  source VARCHAR(50) DEFAULT 'v2',
  
  created_at TIMESTAMP WITH TIME ZONE DEFAULT NOW(),
  updated_at TIMESTAMP WITH TIME ZONE DEFAULT NOW()
);

-- Campaign Drafts (for auto-save functionality)
CREATE TABLE campaign_drafts (
  id UUID PRIMARY KEY DEFAULT gen_random_uuid(),
  campaign_id UUID REFERENCES campaigns(id) ON DELETE CASCADE,
  step_data JSONB DEFAULT '{}',
  auto_saved_at TIMESTAMP WITH TIME ZONE DEFAULT NOW(),
  expires_at TIMESTAMP WITH TIME ZONE DEFAULT (NOW() + INTERVAL '7 days')
);

-- Creatives
CREATE TABLE creatives (
  id UUID PRIMARY KEY DEFAULT gen_random_uuid(),
  campaign_id UUID REFERENCES campaigns(id) ON DELETE CASCADE,
  name VARCHAR(255),
  format_id VARCHAR(100),
  format_name VARCHAR(100),
  width INTEGER,
  height INTEGER,
  elements JSONB DEFAULT '[]',
  metadata JSONB DEFAULT '{}',
  version INTEGER DEFAULT 1,
  is_active BOOLEAN DEFAULT true,
  created_at TIMESTAMP WITH TIME ZONE DEFAULT NOW(),
  updated_at TIMESTAMP WITH TIME ZONE DEFAULT NOW()
);

-- Creative Assets
CREATE TABLE creative_assets (
  id UUID PRIMARY KEY DEFAULT gen_random_uuid(),
  creative_id UUID REFERENCES creatives(id) ON DELETE CASCADE,
  type VARCHAR(50), -- 'image', 'video', 'text', 'button'
  url TEXT,
  storage_path TEXT,
  content TEXT,
  styles JSONB DEFAULT '{}',
  position JSONB DEFAULT '{}',
  metadata JSONB DEFAULT '{}',
  created_at TIMESTAMP WITH TIME ZONE DEFAULT NOW()
);

-- Platform Integrations
CREATE TABLE platform_integrations (
  id UUID PRIMARY KEY DEFAULT gen_random_uuid(),
  user_id UUID REFERENCES users(id) ON DELETE CASCADE,
  platform_id VARCHAR(50), -- 'meta', 'display', 'ctv', 'tiktok'
  platform_account_id VARCHAR(255),
  access_token TEXT,
  refresh_token TEXT,
  expires_at TIMESTAMP WITH TIME ZONE,
  settings JSONB DEFAULT '{}',
  status VARCHAR(50) DEFAULT 'active',
  created_at TIMESTAMP WITH TIME ZONE DEFAULT NOW(),
  updated_at TIMESTAMP WITH TIME ZONE DEFAULT NOW()
);

-- Campaign Publications
CREATE TABLE campaign_publications (
  id UUID PRIMARY KEY DEFAULT gen_random_uuid(),
  campaign_id UUID REFERENCES campaigns(id) ON DELETE CASCADE,
  platform_integration_id UUID REFERENCES platform_integrations(id),
  platform_campaign_id VARCHAR(255),
  status VARCHAR(50),
  metrics JSONB DEFAULT '{}',
  last_sync_at TIMESTAMP WITH TIME ZONE,
  created_at TIMESTAMP WITH TIME ZONE DEFAULT NOW(),
  updated_at TIMESTAMP WITH TIME ZONE DEFAULT NOW()
);

-- AI Generation History
CREATE TABLE ai_generations (
  id UUID PRIMARY KEY DEFAULT gen_random_uuid(),
  user_id UUID REFERENCES users(id) ON DELETE CASCADE,
  type VARCHAR(50), -- 'background', 'copy', 'creative'
  prompt TEXT,
  service VARCHAR(50), -- 'fal', 'openai', 'midjourney'
  request_id VARCHAR(255),
  response_data JSONB,
  processing_time INTEGER,
  cost_credits DECIMAL(10,4),
  created_at TIMESTAMP WITH TIME ZONE DEFAULT NOW()
);

-- Primary lookup indexes
CREATE INDEX idx_products_user_id ON products(user_id);
CREATE INDEX idx_campaigns_user_id ON campaigns(user_id);
CREATE INDEX idx_campaigns_product_id ON campaigns(product_id);
CREATE INDEX idx_campaigns_status ON campaigns(status);
CREATE INDEX idx_product_images_product_id ON product_images(product_id);
CREATE INDEX idx_creatives_campaign_id ON creatives(campaign_id);
CREATE INDEX idx_campaign_drafts_campaign_id ON campaign_drafts(campaign_id);

-- Time-based indexes
CREATE INDEX idx_campaigns_created_at ON campaigns(created_at);
CREATE INDEX idx_campaign_drafts_expires_at ON campaign_drafts(expires_at);
CREATE INDEX idx_ai_generations_created_at ON ai_generations(created_at);

-- JSONB indexes for frequent queries
CREATE INDEX idx_campaigns_audience_config ON campaigns USING GIN(audience_config);
CREATE INDEX idx_campaigns_platform_config ON campaigns USING GIN(platform_config);
CREATE INDEX idx_products_metadata ON products USING GIN(metadata);
